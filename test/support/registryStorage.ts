/** What distribution's registry keeps on its disk (its "Storage" specification), looked into without asking it. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { sha256 } from "./images.js";

const inside = (storage: string, ...parts: string[]): string =>
  path.join(storage, "docker/registry/v2", ...parts);

const folders = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

function dataOf(storage: string, digest: string): string {
  const hash = digest.replace("sha256:", "");
  return inside(storage, "blobs/sha256", hash.slice(0, 2), hash, "data");
}

/** Digests of all blobs, manifests among them. */
export function blobsIn(storage: string): string[] {
  const root = inside(storage, "blobs/sha256");
  return folders(root).flatMap((two) => folders(path.join(root, two)).map((hash) => `sha256:${hash}`));
}

export function blobIn(storage: string, digest: string): Buffer {
  return readFileSync(dataOf(storage, digest));
}

/** Makes a blob another behind the registry's back. */
export function replaceBlob(storage: string, digest: string, bytes: Uint8Array): void {
  writeFileSync(dataOf(storage, digest), bytes);
}

/** Takes a blob away behind the registry's back. */
export function loseBlob(storage: string, digest: string): void {
  rmSync(path.dirname(dataOf(storage, digest)), { recursive: true });
}

/** Takes a blob away from one repository, behind the registry's back. */
export function unlinkBlob(storage: string, repository: string, digest: string): void {
  rmSync(inside(storage, "repositories", repository, "_layers", digest.replace(":", "/")), {
    recursive: true,
  });
}

/** `repository:tag`, each with the digest that it leads to. */
export function tagsIn(storage: string): Record<string, string> {
  const root = inside(storage, "repositories");
  const tags: Record<string, string> = {};
  const look = (folder: string): void => {
    for (const name of folders(folder)) {
      if (name === "_manifests") {
        for (const tag of folders(path.join(folder, "_manifests/tags"))) {
          const link = path.join(folder, "_manifests/tags", tag, "current/link");
          tags[`${path.relative(root, folder)}:${tag}`] = readFileSync(link, "utf8");
        }
      } else if (!name.startsWith("_")) look(path.join(folder, name));
    }
  };
  look(root);
  return tags;
}

interface Document {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string; readonly size: number }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

/** Every blob is what its name says, and all that a tag leads to is there, in its repository. */
export function expectSound(storage: string): void {
  for (const digest of blobsIn(storage)) expect(`sha256:${sha256(blobIn(storage, digest))}`).toBe(digest);
  const whole = (repository: string, digest: string): void => {
    const {
      config,
      layers = [],
      manifests = [],
    } = JSON.parse(blobIn(storage, digest).toString()) as Document;
    for (const { digest: one } of manifests) whole(repository, one);
    for (const each of [...(config ? [config] : []), ...layers]) {
      expect(blobsIn(storage)).toContain(each.digest);
      const link = ["_layers", each.digest.replace(":", "/"), "link"].join("/");
      expect(existsSync(inside(storage, "repositories", repository, link))).toBe(true);
    }
    for (const { digest: one, size } of layers) expect(blobIn(storage, one)).toHaveLength(size);
  };
  for (const [name, digest] of Object.entries(tagsIn(storage))) whole(name.split(":")[0]!, digest);
}
