/** Images made by hand, so that tests can make them wrong. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Header, pack } from "tar-stream";
import { bytesOf } from "./members.js";

export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export type Item = Partial<Header> & { readonly name: string; readonly body?: string | Buffer };

export async function tarOf(items: readonly Item[]): Promise<Buffer> {
  const packer = pack();
  for (const { body = "", ...header } of items) packer.entry(header, body as string);
  packer.finalize();
  return bytesOf(packer as unknown as AsyncIterable<Uint8Array>);
}

/** A layer with files, by their names. */
export function layerOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const date = new Date(1000);
  return tarOf(Object.entries(files).map(([name, body]) => ({ name, body, mtime: date })));
}

export interface ConfigParts {
  /** Plain tars, bottom first. */
  readonly layers: readonly Buffer[];
  readonly architecture?: string;
  readonly variant?: string;
  readonly config?: unknown;
  readonly history?: unknown;
}

export function configOf({ layers, architecture = "amd64", variant, config, history }: ConfigParts): string {
  const diffIds = layers.map((layer) => `sha256:${sha256(layer)}`);
  const rootfs = { type: "layers", diff_ids: diffIds };
  return JSON.stringify({ architecture, variant, os: "linux", config, history, rootfs });
}

export interface ArchivePart extends ConfigParts {
  readonly tags?: readonly string[] | null;
}

/** A docker-archive's members; tests change some. */
export function archiveItems(images: readonly ArchivePart[]): Item[] {
  const items = new Map<string, string | Buffer>();
  const manifest = images.map(({ tags = null, ...parts }) => {
    const config = configOf(parts);
    const layers = parts.layers.map((layer) => `${sha256(layer)}/layer.tar`);
    parts.layers.forEach((layer, i) => items.set(layers[i]!, layer));
    items.set(`${sha256(config)}.json`, config);
    return { Config: `${sha256(config)}.json`, RepoTags: tags, Layers: layers };
  });
  items.set("manifest.json", JSON.stringify(manifest));
  return Array.from(items, ([name, body]) => ({ name, body }));
}

export async function archiveOf(...images: readonly ArchivePart[]): Promise<Buffer> {
  return tarOf(archiveItems(images));
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const OCI = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** An OCI layout that is being made in a folder. */
export class Layout {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(path.join(folder, "blobs/sha256"), { recursive: true });
    writeFileSync(path.join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  }

  blob(mediaType: string, bytes: string | Buffer): Descriptor {
    const hash = sha256(bytes);
    writeFileSync(path.join(this.folder, "blobs/sha256", hash), bytes);
    return { mediaType, digest: `sha256:${hash}`, size: Buffer.byteLength(bytes) };
  }

  image(parts: ConfigParts, compress: (layer: Buffer) => Buffer = (layer) => layer, suffix = ""): Descriptor {
    return this.blob(
      OCI.manifest,
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI.manifest,
        config: this.blob(OCI.config, configOf(parts)),
        layers: parts.layers.map((layer) => this.blob(`${OCI.layer}${suffix}`, compress(layer))),
      }),
    );
  }

  nested(manifests: readonly Descriptor[]): Descriptor {
    return this.blob(OCI.index, JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests }));
  }

  index(manifests: readonly unknown[]): void {
    writeFileSync(path.join(this.folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  }
}

export function named(descriptor: Descriptor, reference: string): Descriptor {
  return { ...descriptor, annotations: { "org.opencontainers.image.ref.name": reference } };
}

export function onPlatform(descriptor: Descriptor, architecture: string, variant?: string): Descriptor {
  return {
    ...descriptor,
    platform: { os: "linux", architecture, ...(variant !== undefined && { variant }) },
  };
}
