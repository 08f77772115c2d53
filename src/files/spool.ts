/** Bytes that wait in a temporary file. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { LaminixError } from "../errors.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { temporaryPath } from "./temporary.js";

/** Bytes that are read at a time. */
const PIECE = 1 << 16;

/** Made when first written to. It has no name, so that nothing is left of it whatever happens. */
export class Spool implements RandomAccess, Disposable {
  #fd: number | undefined;
  #end = 0;

  /** Where the next byte will be. */
  get size(): number {
    return this.#end;
  }

  /** @throws {LaminixError} ERR_FILE_WRITE */
  append(bytes: Uint8Array): void {
    writing(() => {
      this.#fd ??= openNameless();
      for (let at = 0; at < bytes.length;) {
        const written = writeSync(this.#fd, bytes, at, bytes.length - at, this.#end);
        at += written;
        this.#end += written;
      }
    });
  }

  read(target: Buffer, length: number, position: number): number {
    return this.#fd === undefined ? 0 : readSync(this.#fd, target, 0, length, position);
  }

  /** Pieces that are good until the next one. */
  *pieces(start: number, length: number): Generator<Uint8Array, void, void> {
    const buffer = Buffer.allocUnsafe(Math.min(length, PIECE));
    for (let at = start; at < start + length;) {
      const got = this.read(buffer, Math.min(buffer.length, start + length - at), at);
      if (got === 0) throw new LaminixError("ERR_INTERNAL", "a temporary file became shorter");
      at += got;
      yield buffer.subarray(0, got);
    }
  }

  /**
   * The open file, which is the caller's to close from now on; the spool is empty then.
   * @throws {LaminixError} ERR_FILE_WRITE
   */
  take(): number {
    const fd = this.#fd ?? writing(openNameless);
    this.#fd = undefined;
    this.#end = 0;
    return fd;
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function writing<T>(write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new LaminixError("ERR_FILE_WRITE", `a temporary file in ${tmpdir()} cannot be written`, {
      cause,
      details: { path: tmpdir() },
      hint: "free space there, or set TMPDIR to another folder",
    });
  }
}

function openNameless(): number {
  const path = temporaryPath();
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}
