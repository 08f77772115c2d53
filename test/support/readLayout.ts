/**
 * An OCI layout as OCI image-spec 1.1 tells to read one, and with what it requires: image-layout.md, image-index.md,
 * manifest.md, descriptor.md, config.md. Whatever is not so is an error.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { sha256 } from "./images.js";
import { mustRun } from "./run.js";

export interface ReadDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ReadManifest {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly config: ReadDescriptor;
  readonly layers: readonly ReadDescriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ReadLayoutImage {
  /** The descriptor that leads to it. */
  readonly entry: ReadDescriptor;
  readonly manifest: ReadManifest;
  readonly configText: string;
  /** The plain tars, bottom first. */
  readonly layers: readonly Buffer[];
}

export interface ReadLayout {
  readonly entries: readonly ReadDescriptor[];
  /** Those of nested indexes too, in order. */
  readonly images: readonly ReadLayoutImage[];
  /** Digests of all blobs that are there. */
  readonly blobs: readonly string[];
}

const REFERENCE =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;
const TYPES = "application/vnd.oci.image.";

export async function readLayout(folder: string): Promise<ReadLayout> {
  const read = (name: string): Buffer => readFileSync(path.join(folder, name));
  const blob = ({ mediaType, digest, size, annotations = {} }: ReadDescriptor): Buffer => {
    expect(mediaType).toMatch(/^[a-z]+\/[a-z0-9.+-]+$/);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const value of Object.values(annotations)) expect(value).toEqual(expect.any(String));
    const bytes = read(`blobs/${digest.replace(":", "/")}`);
    expect([bytes.length, `sha256:${sha256(bytes)}`]).toEqual([size, digest]);
    return bytes;
  };
  const plain = async (descriptor: ReadDescriptor): Promise<Buffer> => {
    const bytes = blob(descriptor);
    const ending = descriptor.mediaType.replace(`${TYPES}layer.v1.tar`, "");
    if (ending === "+gzip") return gunzipSync(bytes);
    if (ending === "+zstd") return (await mustRun("zstd", ["-qdc"], { input: bytes })).stdout;
    expect(ending).toBe("");
    return bytes;
  };
  const imageAt = async (entry: ReadDescriptor): Promise<ReadLayoutImage> => {
    const manifest = JSON.parse(blob(entry).toString()) as ReadManifest;
    expect(manifest).toMatchObject({ schemaVersion: 2, mediaType: `${TYPES}manifest.v1+json` });
    expect(manifest.config.mediaType).toBe(`${TYPES}config.v1+json`);
    const configText = blob(manifest.config).toString();
    const config = JSON.parse(configText) as Readonly<Record<string, unknown>>;
    const layers = await Promise.all(manifest.layers.map(plain));
    expect(config).toMatchObject({
      architecture: expect.any(String),
      os: expect.any(String),
      rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    });
    if (entry.platform) expect(config).toMatchObject(entry.platform);
    return { entry, manifest, configText, layers };
  };
  const imagesAt = async (entry: ReadDescriptor): Promise<ReadLayoutImage[]> => {
    if (entry.mediaType !== `${TYPES}index.v1+json`) return [await imageAt(entry)];
    const index = JSON.parse(blob(entry).toString()) as { readonly manifests: ReadDescriptor[] };
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: `${TYPES}index.v1+json` });
    for (const { platform } of index.manifests) {
      expect(platform).toMatchObject({ architecture: expect.any(String), os: expect.any(String) });
    }
    return (await Promise.all(index.manifests.map(imagesAt))).flat();
  };
  expect(JSON.parse(read("oci-layout").toString())).toEqual({ imageLayoutVersion: "1.0.0" });
  const index = JSON.parse(read("index.json").toString()) as { readonly manifests: ReadDescriptor[] };
  expect(index).toMatchObject({ schemaVersion: 2 });
  for (const { annotations = {} } of index.manifests) {
    const reference = annotations["org.opencontainers.image.ref.name"];
    if (reference !== undefined) expect(reference).toMatch(REFERENCE);
  }
  return {
    entries: index.manifests,
    images: (await Promise.all(index.manifests.map(imagesAt))).flat(),
    blobs: readdirSync(path.join(folder, "blobs/sha256")).map((name) => `sha256:${name}`),
  };
}
