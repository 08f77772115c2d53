/** The NAR of what is on the disk. */
import { constants, lstatSync, readlinkSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { requireKnown, requireString } from "../arguments.js";
import { LaminixError, named } from "../errors.js";
import { compareBytes, decode, fsPath, toByteString } from "../bytes/byteString.js";
import { OpenFile } from "../files/openFile.js";
import { type DiskNode, reading, walk } from "../files/walk.js";
import {
  CLOSE,
  encoded,
  ENTRY,
  EXECUTABLE,
  FILE,
  FOLDER,
  LINK,
  NODE,
  OPEN,
  paddingOf,
  WORD,
} from "./grammar.js";

/** Bytes in a piece; more than a name or a target can have. */
const PIECE = 1 << 18;
const ZEROS = Buffer.alloc(WORD);

/**
 * The NAR of a file, a folder or a symbolic link, byte for byte what `nix-store --dump` prints, in pieces. A file is
 * executable if its owner may execute it; nothing else of its mode is in a NAR, nor is its time or its owner.
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_FILE_TYPE
 */
export function narOf(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  requireString(path, "path");
  requireKnown(options, ["signal"]);
  return pieces(toByteString(path), options.signal);
}

async function* pieces(disk: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (!reading(disk, () => lstatSync(fsPath(disk), { throwIfNoEntry: false }))) {
    const path = decode(disk);
    throw new LaminixError("ERR_FILE_READ", `${named(path)} is not there`, { details: { path } });
  }
  // In this thread, a piece at a time: awaiting each read costs many times what the read itself does.
  for (const piece of new NarWriter().write(disk)) {
    yield piece;
    await nextTurn(); // the rest of the process has its turn between two pieces
    signal?.throwIfAborted();
  }
}

class NarWriter {
  #chunk = Buffer.allocUnsafeSlow(PIECE);
  #filled = 0;

  *write(disk: string): Generator<Buffer, void, void> {
    /** How many of the folders on the way to the last node have not been closed. */
    let open = 0;
    for (const node of walk({ disk, name: "" }, compareBytes)) {
      const depth = node.name.split("/").length - 1;
      for (; open > depth; open--) yield* this.#close(open - 1);
      yield* this.#node(node, depth);
      if (node.type === "directory") open++;
      else yield* this.#close(depth);
    }
    for (; open > 0; open--) yield* this.#close(open - 1);
    // A copy, so that a small NAR does not keep a large buffer alive.
    yield Buffer.from(this.#chunk.subarray(0, this.#filled));
  }

  *#node({ disk, name, type }: DiskNode, depth: number): Generator<Buffer, void, void> {
    if (depth === 0) yield* this.#put(OPEN.bytes);
    else {
      yield* this.#put(ENTRY.bytes);
      yield* this.#put(encoded(name.slice(name.lastIndexOf("/") + 1)));
      yield* this.#put(NODE.bytes);
    }
    switch (type) {
      case "directory":
        yield* this.#put(FOLDER.bytes);
        break;
      case "symlink":
        yield* this.#put(LINK.bytes);
        yield* this.#put(encoded(reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }))));
        break;
      case "file":
        yield* this.#file(disk);
    }
  }

  *#file(disk: string): Generator<Buffer, void, void> {
    const file = OpenFile.open(disk);
    try {
      const { mode, size } = file.stats;
      yield* this.#put((mode & constants.S_IXUSR ? EXECUTABLE : FILE).bytes);
      const length = Buffer.alloc(WORD);
      length.writeBigUInt64LE(BigInt(size));
      yield* this.#put(length);
      for (let left = size; left > 0;) {
        if (this.#filled === PIECE) yield* this.#flush();
        const got = file.read(this.#chunk, this.#filled, Math.min(left, PIECE - this.#filled));
        this.#filled += got;
        left -= got;
      }
      file.requireUnchanged();
      yield* this.#put(ZEROS.subarray(0, paddingOf(size)));
    } finally {
      file.close();
    }
  }

  /** The end of a node, and of the child that it is unless it is the top. */
  *#close(depth: number): Generator<Buffer, void, void> {
    yield* this.#put(CLOSE.bytes);
    if (depth > 0) yield* this.#put(CLOSE.bytes);
  }

  *#put(bytes: Buffer): Generator<Buffer, void, void> {
    if (bytes.length > PIECE - this.#filled) yield* this.#flush();
    this.#filled += bytes.copy(this.#chunk, this.#filled);
  }

  *#flush(): Generator<Buffer, void, void> {
    yield this.#chunk.subarray(0, this.#filled);
    this.#chunk = Buffer.allocUnsafeSlow(PIECE);
    this.#filled = 0;
  }
}
