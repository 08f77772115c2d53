/** The tar of a layer made of file system trees, as often as asked for. */
import { archivePieces, type NextBuffer } from "./archive.js";
import type { Fingerprint } from "./fingerprint.js";
import { type Entry, HeaderEncoder, type Owner } from "./header.js";
import { type DiskNode, type TreeSource, walk } from "./walk.js";

/** All that decides a layer's bytes but the files' contents. Plain data, so that it can be sent to a thread. */
export interface LayerTar {
  /** Folders written before all else, with mode 0755; byte strings that end in `/`. */
  readonly parents: readonly string[];
  readonly trees: readonly TreeSource[];
  readonly owner: Owner;
  /** Unix seconds. */
  readonly mtime: number;
}

/**
 * The bytes, in pieces, each in the buffer that `nextBuffer` gave for it.
 * @param fingerprint takes note of every file
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function layerPieces(
  layer: LayerTar,
  nextBuffer: NextBuffer,
  fingerprint: Fingerprint,
): Generator<Buffer, void, void> {
  return archivePieces(
    entriesOf(layer),
    new HeaderEncoder(layer.owner, layer.mtime),
    nextBuffer,
    fingerprint,
  );
}

function* entriesOf(layer: LayerTar): Generator<Entry | DiskNode> {
  for (const name of layer.parents) yield { type: "directory", name, mode: 0o755, size: 0, linkname: "" };
  for (const tree of layer.trees) yield* walk(tree);
}
