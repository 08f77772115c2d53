/** Text files that are read whole, and never more of them than there is room for. */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { LaminixError, named } from "../errors.js";

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
    throw new LaminixError("ERR_FILE_READ", `${named(file)} cannot be read`, {
      cause,
      details: { path: file },
    });
  }
}

/**
 * The same, for callers that tell what a failure means.
 * @throws {LaminixError} ERR_FILE_READ when there is more than `limit` bytes
 * @throws {NodeJS.ErrnoException} when the file cannot be read
 */
export function readTextNow(file: string, limit = MOST): string {
  const read = new Reading(file, limit);
  const descriptor = openSync(file, "r");
  try {
    for (;;) {
      const { buffer, used } = read.room();
      const got = readSync(descriptor, buffer, used, buffer.length - used, null);
      if (got === 0) return read.text();
      read.add(got);
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
  const read = new Reading(file, limit);
  await using handle = await open(file);
  for (;;) {
    const { buffer, used } = read.room();
    const { bytesRead } = await handle.read(buffer, used, buffer.length - used, null);
    signal?.throwIfAborted();
    if (bytesRead === 0) return read.text();
    read.add(bytesRead);
  }
}

/** What has been read. A pipe gives little at a time, so that a piece is filled before there is another. */
class Reading {
  readonly #file: string;
  readonly #limit: number;
  readonly #full: Buffer[] = [];
  #buffer = Buffer.allocUnsafe(PIECE);
  #used = 0;
  #size = 0;

  constructor(file: string, limit: number) {
    this.#file = file;
    this.#limit = limit;
  }

  /** Where the next bytes go: behind those that are used. */
  room(): { readonly buffer: Buffer; readonly used: number } {
    if (this.#used === PIECE) {
      this.#full.push(this.#buffer);
      this.#buffer = Buffer.allocUnsafe(PIECE);
      this.#used = 0;
    }
    return { buffer: this.#buffer, used: this.#used };
  }

  add(bytes: number): void {
    this.#used += bytes;
    this.#size += bytes;
    if (this.#size <= this.#limit) return;
    const limit = `${String(Math.floor(this.#limit / 1024))} KiB`;
    throw new LaminixError("ERR_FILE_READ", `${this.#file} cannot be read: it has more than ${limit}`, {
      details: { path: this.#file, limit: this.#limit },
    });
  }

  text(): string {
    return Buffer.concat([...this.#full, this.#buffer.subarray(0, this.#used)]).toString("utf8");
  }
}
