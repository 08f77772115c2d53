/** Text files that are read whole, and never more of them than there is room for. */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { LaminixError } from "../errors.js";

/** Bytes; JavaScript has no strings that are much longer. */
const MOST = 256 << 20;
/** Bytes that are read at a time. */
const PIECE = 1 << 18;

/**
 * @param limit bytes
 * @throws {LaminixError} ERR_FILE_READ, also when there is more
 */
export function readText(file: string, limit = MOST): string {
  try {
    return readTextNow(file, limit);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_FILE_READ", `${file} cannot be read`, { cause, details: { path: file } });
  }
}

/**
 * The same, for callers that tell what a failure means.
 * @throws {LaminixError} ERR_FILE_READ when there is more than `limit` bytes
 * @throws {NodeJS.ErrnoException} when the file cannot be read
 */
export function readTextNow(file: string, limit = MOST): string {
  const pieces = new Pieces(file, limit);
  const descriptor = openSync(file, "r");
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE);
      const got = readSync(descriptor, piece, 0, PIECE, null);
      if (got === 0) return pieces.text();
      pieces.add(piece.subarray(0, got));
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The same, beside other work.
 * @throws as `readTextNow`, and the signal's reason
 */
export async function readTextSoon(
  file: string,
  { limit = MOST, signal }: { readonly limit?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  signal?.throwIfAborted();
  const pieces = new Pieces(file, limit);
  await using handle = await open(file);
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE);
    const { bytesRead } = await handle.read(piece, 0, PIECE, null);
    signal?.throwIfAborted();
    if (bytesRead === 0) return pieces.text();
    pieces.add(piece.subarray(0, bytesRead));
  }
}

class Pieces {
  readonly #file: string;
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  #size = 0;

  constructor(file: string, limit: number) {
    this.#file = file;
    this.#limit = limit;
  }

  add(piece: Buffer): void {
    this.#size += piece.length;
    if (this.#size > this.#limit) {
      const limit = `${String(Math.floor(this.#limit / 1024))} KiB`;
      throw new LaminixError("ERR_FILE_READ", `${this.#file} cannot be read: it has more than ${limit}`, {
        details: { path: this.#file, limit: this.#limit },
      });
    }
    this.#pieces.push(piece);
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString("utf8");
  }
}
