/** What is on the disk, into an archive. */
import { lstatSync, readlinkSync } from "node:fs";
import { compareNames, fsPath } from "../bytes/byteString.js";
import { OpenFile } from "../files/openFile.js";
import { type DiskNode, reading, type TreeSource, walk } from "../files/walk.js";
import type { FilePart } from "../files/filePart.js";
import type { ArchiveWriter } from "./archive.js";
import type { Fingerprint } from "./fingerprint.js";

/**
 * A tree, names in code point order. A hard link is a file like any other: whether a store is optimised must not change
 * the bytes.
 * @param fingerprint takes note of every file
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function* diskTreePieces<Part extends FilePart>(
  tree: TreeSource,
  archive: ArchiveWriter<Part>,
  fingerprint: Fingerprint,
): Generator<Buffer | Part, void, void> {
  for (const node of walk(tree, compareNames)) {
    if (node.type === "file") yield* filePieces(node, archive, fingerprint);
    else yield* folderOrLinkPieces(node, archive, fingerprint);
  }
}

function* filePieces<Part extends FilePart>(
  { disk, name }: DiskNode,
  archive: ArchiveWriter<Part>,
  fingerprint: Fingerprint,
): Generator<Buffer | Part, void, void> {
  const file = OpenFile.open(disk);
  try {
    const { stats } = file;
    fingerprint.add(stats);
    const mode = stats.mode & 0o7777;
    yield* archive.file({ type: "file", name, mode, size: stats.size, linkname: "" }, file);
  } finally {
    file.close();
  }
}

function folderOrLinkPieces(
  { disk, name, type }: DiskNode,
  archive: Pick<ArchiveWriter, "header">,
  fingerprint: Fingerprint,
): Generator<Buffer, void, void> {
  const stats = reading(disk, () => lstatSync(fsPath(disk)));
  fingerprint.add(stats);
  const mode = stats.mode & 0o7777;
  if (type === "directory") {
    return archive.header({ type, name: `${name}/`, mode, size: 0, linkname: "" });
  }
  const linkname = reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }));
  return archive.header({ type: "symlink", name, mode, size: 0, linkname });
}
