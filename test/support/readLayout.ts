/** An OCI layout that is valid, and what is in it. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { validateImage } from "../../dist/index.js";
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

const TYPES = "application/vnd.oci.image.";

export async function readLayout(folder: string): Promise<ReadLayout> {
  expect((await validateImage(folder)).problems).toEqual([]);
  const read = (name: string): Buffer => readFileSync(path.join(folder, name));
  const blob = ({ digest }: ReadDescriptor): Buffer => read(`blobs/${digest.replace(":", "/")}`);
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
    expect(manifest).toMatchObject({ mediaType: `${TYPES}manifest.v1+json` });
    expect(manifest.config.mediaType).toBe(`${TYPES}config.v1+json`);
    const configText = blob(manifest.config).toString();
    const layers = await Promise.all(manifest.layers.map(plain));
    return { entry, manifest, configText, layers };
  };
  const imagesAt = async (entry: ReadDescriptor): Promise<ReadLayoutImage[]> => {
    if (entry.mediaType !== `${TYPES}index.v1+json`) return [await imageAt(entry)];
    const index = JSON.parse(blob(entry).toString()) as { readonly manifests: ReadDescriptor[] };
    for (const { platform } of index.manifests) expect(platform).toBeDefined();
    return (await Promise.all(index.manifests.map(imagesAt))).flat();
  };
  const index = JSON.parse(read("index.json").toString()) as { readonly manifests: ReadDescriptor[] };
  return {
    entries: index.manifests,
    images: (await Promise.all(index.manifests.map(imagesAt))).flat(),
    blobs: readdirSync(path.join(folder, "blobs/sha256")).map((name) => `sha256:${name}`),
  };
}
