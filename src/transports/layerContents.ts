/** What is in the layers of an image: store paths and commands as its history tells them, files as the tars have them. */
import { decode } from "../bytes/byteString.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { commandsInHistory, toldStorePaths } from "../image/history.js";
import { type Image, knownConfig } from "../image/image.js";
import type { Layer, LayerOptions } from "../image/layer.js";
import { packageName } from "../store/packageName.js";
import type { StorePath } from "../store/storePath.js";
import type { EntryType } from "../tar/header.js";
import { tarMembers } from "../tar/members.js";

export interface PathInLayer {
  readonly path: StorePath;
  readonly name: string;
  /** Empty if the name has none. */
  readonly version: string;
  /** Bytes of its files; `undefined` where the layer was not read. */
  readonly size: number | undefined;
}

export interface LayerContents {
  /** Where the image tells of some. */
  readonly storePaths: readonly PathInLayer[] | undefined;
  /** The command that made it. */
  readonly createdBy: string | undefined;
}

export interface FileInLayer {
  readonly type: EntryType;
  /** Bytes. */
  readonly size: number;
  readonly name: string;
}

/**
 * Of each layer, bottom first.
 * @param options.unpack whether layers that lie packed are unpacked, or fetched, for the sizes of their store paths
 */
export async function* layerContents(
  image: Image,
  { unpack, signal }: LayerOptions & { readonly unpack: boolean },
): AsyncGenerator<LayerContents> {
  const { json } = knownConfig(image);
  const told = toldStorePaths(json, image.layers);
  const commands = commandsInHistory(json, image.layers);
  for (const [i, layer] of image.layers.entries()) {
    const paths = told[i];
    const sizes = paths && (unpack || liesPlain(layer)) ? await sizesOf(layer, paths, signal) : undefined;
    const storePaths = paths?.map((path): PathInLayer => {
      const { name, version } = packageName(path);
      return { path, name, version, size: sizes?.get(path) };
    });
    yield { storePaths, createdBy: commands[i] };
  }
}

/**
 * In the order of the tar, one after the other: no list of them is kept.
 * @throws {LaminixError} ERR_ARCHIVE, ERR_UNSUPPORTED, and what reading the layer throws
 */
export async function* filesOf(layer: Layer, { signal }: LayerOptions = {}): AsyncGenerator<FileInLayer> {
  const tar = await tarOf(layer, signal);
  if (!tar) return;
  for (const { type, size, name } of tarMembers(tar, layer.sources.join(" "))) {
    signal?.throwIfAborted();
    yield { type, size, name: decode(name) };
  }
}

function liesPlain({ source }: Layer): boolean {
  return source.kind === "stored" && source.encoding === "none";
}

/** `undefined` for one that is made, which only images that are built have. */
async function tarOf({ source }: Layer, signal: AbortSignal | undefined): Promise<RandomAccess | undefined> {
  return source.kind === "made" ? undefined : source.access({ signal, trusted: true });
}

async function sizesOf(
  layer: Layer,
  paths: readonly StorePath[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<StorePath, number>> {
  const sizes = new Map(paths.map((path) => [path, 0]));
  const depth = (paths[0] ?? "").split("/").length;
  for await (const { size, name } of filesOf(layer, { signal })) {
    const parts = `/${name.replace(/^(?:\.?\/)+/, "")}`.split("/");
    const owner = parts.slice(0, depth).join("/") as StorePath;
    const before = sizes.get(owner);
    if (before !== undefined) sizes.set(owner, before + size);
  }
  return sizes;
}
