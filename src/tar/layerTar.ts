/** The tar of a layer made of file system trees, as often as asked for. */
import type { TreeSource } from "../files/walk.js";
import { ArchiveWriter, type NextBuffer } from "./archive.js";
import { diskTreePieces } from "./diskTree.js";
import type { Fingerprint } from "./fingerprint.js";
import { HeaderEncoder, type Owner } from "./header.js";

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
export function* layerPieces(
  layer: LayerTar,
  nextBuffer: NextBuffer,
  fingerprint: Fingerprint,
): Generator<Buffer, void, void> {
  const archive = new ArchiveWriter(new HeaderEncoder(layer.owner, layer.mtime), nextBuffer);
  yield* parentPieces(layer, archive);
  for (const tree of layer.trees) yield* diskTreePieces(tree, archive, fingerprint);
  yield* archive.end();
}

function* parentPieces({ parents }: LayerTar, archive: ArchiveWriter): Generator<Buffer, void, void> {
  for (const name of parents) {
    yield* archive.header({ type: "directory", name, mode: 0o755, size: 0, linkname: "" });
  }
}
