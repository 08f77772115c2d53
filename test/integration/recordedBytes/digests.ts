/** What is recorded of an image: SHA-256 in hexadecimal, by what it is of. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { sha256 } from "../../support/images.js";
import { membersOf } from "../../support/members.js";
import { readLayout } from "../../support/readLayout.js";

export type Digests = Readonly<Record<string, string>>;

const sorted = (entries: Iterable<readonly [string, string]>): Digests =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

export async function memberDigests(archive: Buffer): Promise<Digests> {
  const members = await membersOf(archive);
  return sorted(
    members
      .filter(({ header }) => header.type === "file")
      .map(({ header, body }) => [header.name, sha256(body)]),
  );
}

/** Of a docker-archive: all of it, and its members. */
export async function archiveDigests(archive: Buffer): Promise<Digests> {
  return { archive: sha256(archive), ...(await memberDigests(archive)) };
}

export function fileDigests(folder: string): Digests {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return sorted(files.map((name) => [name, sha256(readFileSync(path.join(folder, name)))]));
}

/**
 * Of a layout whose layers are compressed: what does not depend on the release of the encoder. Manifests are without the
 * digests and sizes of their layers.
 */
export async function contentDigests(folder: string): Promise<Digests> {
  const { images } = await readLayout(folder);
  return Object.fromEntries(
    images.flatMap(({ manifest, configText, layers }, image) => {
      const descriptors = manifest.layers.map(({ digest: _digest, size: _size, ...rest }) => rest);
      return [
        [`manifest ${image}`, sha256(JSON.stringify({ ...manifest, layers: descriptors }))],
        [`config ${image}`, sha256(configText)],
        ...layers.map((layer, i) => [`layer ${image}.${i}`, sha256(layer)]),
      ] as [string, string][];
    }),
  );
}
