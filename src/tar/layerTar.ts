/** The tar of a layer made of file system trees, as often as asked for. */
import type { BorrowedBytes } from "../bytes/bytes.js";
import type { TreeSource } from "../files/walk.js";
import type { FilePart } from "../files/filePart.js";
import { ArchiveWriter, type NextBuffer, type PartOf } from "./archive.js";
import { diskTreePieces } from "./diskTree.js";
import type { Fingerprint } from "./fingerprint.js";
import { HeaderEncoder, type Owner } from "./header.js";
import { type NarTree, narTreePieces } from "./narTree.js";

/** All that decides a layer's bytes but the files' contents. */
export interface LayerTar {
  /** Folders written before all else, with mode 0755; byte strings that end in `/`. */
  readonly parents: readonly string[];
  readonly trees: readonly (TreeSource | NarTree)[];
  readonly owner: Owner;
  /** Unix seconds. */
  readonly mtime: number;
}

/** One whose files are all on this disk. Plain data, so that it can be sent to a thread. */
export interface DiskLayerTar extends LayerTar {
  readonly trees: readonly TreeSource[];
}

export function isOnDisk(layer: LayerTar): layer is DiskLayerTar {
  return layer.trees.every((tree) => "disk" in tree);
}

/**
 * The bytes, in pieces, each in the buffer that `nextBuffer` gave for it.
 * @param fingerprint takes note of every file
 * @param partOf what is yielded in place of a file's bytes
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* diskLayerPieces<Part extends FilePart = never>(
  layer: DiskLayerTar,
  nextBuffer: NextBuffer,
  fingerprint: Fingerprint,
  partOf?: PartOf<Part>,
): Generator<Buffer | Part, void, void> {
  const archive = archiveFor(layer, nextBuffer, partOf);
  yield* parentPieces(layer, archive);
  for (const tree of layer.trees) yield* diskTreePieces(tree, archive, fingerprint);
  yield* archive.end();
}

/**
 * The same for files from anywhere. Large parts of a NAR are passed on as they came; everything else is in the buffers.
 * @throws {LaminixError} as `diskLayerPieces`; ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE, and what a NAR's source throws
 */
export async function* layerPieces(
  layer: LayerTar,
  nextBuffer: NextBuffer,
  fingerprint: Fingerprint,
  signal: AbortSignal | undefined,
): BorrowedBytes {
  const archive = archiveFor(layer, nextBuffer);
  yield* parentPieces(layer, archive);
  for (const tree of layer.trees) {
    if ("disk" in tree) {
      yield* diskTreePieces(tree, archive, fingerprint);
    } else {
      fingerprint.addHash(tree.source.narHash);
      yield* narTreePieces(tree, archive, signal);
    }
  }
  yield* archive.end();
}

function archiveFor<Part extends FilePart = never>(
  { owner, mtime }: LayerTar,
  nextBuffer: NextBuffer,
  partOf?: PartOf<Part>,
): ArchiveWriter<Part> {
  return new ArchiveWriter(new HeaderEncoder(owner, mtime), nextBuffer, partOf);
}

function* parentPieces(
  { parents }: LayerTar,
  archive: Pick<ArchiveWriter, "header">,
): Generator<Buffer, void, void> {
  for (const name of parents) {
    yield* archive.header({ type: "directory", name, mode: 0o755, size: 0, linkname: "" });
  }
}
