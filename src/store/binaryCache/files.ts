/** The files of a binary cache, wherever it is. */
import { LaminixError } from "../../errors.js";
import type { CallOptions } from "../connection.js";

export interface CacheFiles {
  /**
   * A file's bytes, in pieces that may be kept.
   * @param name from the cache's root
   * @throws {LaminixError} ERR_BINARY_CACHE, which {@link isAbsent} tells from others when there is no such file
   */
  read(name: string, options?: CallOptions): AsyncIterable<Uint8Array>;
}

/** The error for a file that is not there. */
export function absent(
  name: string,
  cause: unknown,
  details: Readonly<Record<string, unknown>>,
): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `there is no ${name}`, {
    cause,
    details: { name, ...details, absent: true },
  });
}

export function isAbsent(error: unknown): boolean {
  return error instanceof LaminixError && error.code === "ERR_BINARY_CACHE" && error.details.absent === true;
}

/**
 * A small file's text; `undefined` where there is no such file.
 * @param limit bytes that it may have
 * @throws {LaminixError} ERR_BINARY_CACHE
 */
export async function readText(
  files: CacheFiles,
  name: string,
  { limit, signal }: CallOptions & { readonly limit: number },
): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of files.read(name, { signal })) {
      size += piece.length;
      pieces.push(piece);
      if (size <= limit) continue;
      throw new LaminixError("ERR_BINARY_CACHE", `${name} has more than ${String(limit)} bytes`, {
        details: { name },
      });
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  return Buffer.concat(pieces).toString("utf8");
}
