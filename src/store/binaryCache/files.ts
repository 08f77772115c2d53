/** The files of a binary cache, wherever it is. */
import { collect, type OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { CallOptions } from "../connection.js";

export interface CacheFiles {
  /**
   * A file's bytes.
   * @param name from the cache's root
   * @throws {LaminixError} ERR_BINARY_CACHE, which {@link isAbsent} tells from others when there is no such file
   */
  read(name: string, options?: CallOptions): OwnedBytes;
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
  try {
    const bytes = await collect(files.read(name, { signal }), limit);
    if (bytes) return bytes.toString("utf8");
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  throw new LaminixError("ERR_BINARY_CACHE", `${name} has more than ${String(limit)} bytes`, {
    details: { name },
  });
}
