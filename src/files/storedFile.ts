/** Files that images lie in. */
import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { LaminixError, named } from "../errors.js";
import { type OwnedPiece, PIECE, type RandomAccess } from "../bytes/bytes.js";
import type { Spool } from "./spool.js";

const readAt = promisify(read);

/** An open file that knows when it has been closed: by then its descriptor may be another file's. */
export class StoredFile implements Disposable {
  readonly path: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  readonly #descriptor: number;
  #open = true;

  private constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.size = size;
  }

  /** @throws {LaminixError} ERR_FILE_READ */
  static open(path: string): StoredFile {
    let descriptor: number | undefined;
    try {
      // A pipe without a writer would be waited for.
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = fstatSync(descriptor);
      if (stats.isFile()) return new StoredFile(path, descriptor, stats.size);
    } catch (cause) {
      throw new LaminixError("ERR_FILE_READ", `${named(path)} cannot be read`, { cause, details: { path } });
    }
    closeSync(descriptor);
    throw new LaminixError("ERR_FILE_READ", `${path} is not a file`, { details: { path } });
  }

  /** @param path what the bytes in the temporary file are called in errors */
  static fromSpool(path: string, spool: Spool): StoredFile {
    const size = spool.size;
    return new StoredFile(path, spool.take(), size);
  }

  /**
   * Reads into a buffer, from its start.
   * @returns how many bytes; 0 at the file's end
   * @throws {LaminixError} ERR_CLOSED, ERR_FILE_READ
   */
  async read(target: Buffer, length: number, position: number): Promise<number> {
    const descriptor = this.#required();
    try {
      return (await readAt(descriptor, target, 0, length, position)).bytesRead;
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  /**
   * The same, now.
   * @throws {LaminixError} ERR_CLOSED, ERR_FILE_READ
   */
  readNow(target: Buffer, length: number, position: number): number {
    const descriptor = this.#required();
    try {
      return readSync(descriptor, target, 0, length, position);
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #required(): number {
    if (this.#open) return this.#descriptor;
    throw new LaminixError("ERR_CLOSED", `${this.path} has been closed`, { details: { path: this.path } });
  }

  #unreadable(cause: unknown): LaminixError {
    return new LaminixError("ERR_FILE_READ", `${named(this.path)} cannot be read`, {
      cause,
      details: { path: this.path },
    });
  }
}

/** A stretch of a file. */
export interface Region {
  readonly file: StoredFile;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
}

export function wholeOf(file: StoredFile): Region {
  return { file, offset: 0, size: file.size };
}

interface RegionOptions<B = undefined> {
  readonly signal?: AbortSignal | undefined;
  readonly buffer?: B;
}

/**
 * Its bytes.
 * @param buffer used for each piece; unless given, each has memory of its own
 * @throws {LaminixError} ERR_ARCHIVE when the file became shorter, ERR_CLOSED, ERR_FILE_READ
 */
export function regionPieces(region: Region, options?: RegionOptions): AsyncGenerator<OwnedPiece>;
export function regionPieces(region: Region, options: RegionOptions<Buffer>): AsyncGenerator<Uint8Array>;
export async function* regionPieces(
  { file, offset, size }: Region,
  { signal, buffer }: RegionOptions<Buffer | undefined> = {},
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < size;) {
    signal?.throwIfAborted();
    const target = buffer ?? Buffer.allocUnsafeSlow(Math.min(PIECE, size - done));
    const got = await file.read(target, Math.min(target.length, size - done), offset + done);
    if (got === 0) throw shorter(file);
    done += got;
    yield target.subarray(0, got);
  }
}

/**
 * All of it at once; for what is known to be small.
 * @throws {LaminixError} as `regionPieces`
 */
export function regionBytes({ file, offset, size }: Region): Buffer {
  const bytes = Buffer.alloc(size);
  for (let done = 0; done < size;) {
    const got = file.readNow(bytes.subarray(done), size - done, offset + done);
    if (got === 0) throw shorter(file);
    done += got;
  }
  return bytes;
}

/** To be read as a tar archive. */
export function regionTar({ file, offset, size }: Region): RandomAccess {
  return {
    size,
    read: (target, length, position) =>
      position >= size ? 0 : file.readNow(target, Math.min(length, size - position), offset + position),
  };
}

function shorter({ path }: StoredFile): LaminixError {
  return new LaminixError("ERR_ARCHIVE", `${path} became shorter while it was read`, { details: { path } });
}
