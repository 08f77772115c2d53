/** What is in a NAR, into an archive. */
import { decode } from "../bytes/byteString.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import type { NarEvent } from "../nar/parser.js";
import { narBatches } from "../nar/read.js";
import type { NarSource } from "../nar/source.js";
import { verifyNar } from "../nar/verify.js";
import type { ArchiveWriter } from "./archive.js";
import type { Entry } from "./header.js";
import { NameOrder } from "./nameOrder.js";

/** A tree that is not on the disk. */
export interface NarTree {
  readonly source: NarSource;
  /** What it is called where it goes, a byte string. */
  readonly name: string;
}

/** Permissions of everything in a Nix store (Nix manual, "File System Object": nothing else is kept). */
const MODES = { file: 0o444, executable: 0o555, directory: 0o555, symlink: 0o777 };

/**
 * A tree, names in code point order: byte for byte what `diskTreePieces` makes of it in a store.
 * @throws {LaminixError} ERR_NAR, ERR_NAR_HASH, ERR_FILE_WRITE, and what the source throws
 */
export async function* narTreePieces(
  { source, name }: NarTree,
  archive: ArchiveWriter,
  signal: AbortSignal | undefined,
): BorrowedBytes {
  const path = decode(name);
  const stream = verifyNar(source.nar({ signal }), source, { signal, name: path });
  const order = new NameOrder();
  const file = { size: 0, left: 0 };
  try {
    for await (const events of narBatches(stream, { name: path })) {
      for (const event of order.sorted(events))
        for (const piece of piecesOf(event, name, archive, file)) yield piece;
    }
    for (const event of order.end()) for (const piece of piecesOf(event, name, archive, file)) yield piece;
  } finally {
    order.close();
  }
}

/** @param file the file that the contents belong to, and how many bytes of it are still to come */
function* piecesOf(
  event: NarEvent,
  tree: string,
  archive: ArchiveWriter,
  file: { size: number; left: number },
): Generator<Uint8Array, void, void> {
  if (event.type !== "contents") {
    const entry = entryOf(event, tree);
    file.size = file.left = entry.size;
    yield* archive.header(entry);
    return;
  }
  yield* archive.bytes(event.bytes);
  file.left -= event.bytes.length;
  if (file.left === 0) yield* archive.padding(file.size);
}

function entryOf(node: Exclude<NarEvent, { readonly type: "contents" }>, tree: string): Entry {
  const name = node.path === "" ? tree : `${tree}/${node.path}`;
  switch (node.type) {
    case "directory":
      return { type: "directory", name: `${name}/`, mode: MODES.directory, size: 0, linkname: "" };
    case "symlink":
      return { type: "symlink", name, mode: MODES.symlink, size: 0, linkname: node.target };
    case "regular": {
      const mode = node.executable ? MODES.executable : MODES.file;
      return { type: "file", name, mode, size: node.size, linkname: "" };
    }
  }
}
