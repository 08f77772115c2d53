/** The encoders of the compiled addon, which has threads of its own for them. */
import { LaminixError } from "../errors.js";
import { loadedAddon } from "../process/addon.js";
import { buildHint } from "../process/ownFile.js";
import { letGo } from "../threads/letGo.js";
import type { ChunkEncoder, Encoding } from "./chunks.js";

interface NativeEncoders {
  /** Versions of the libraries. */
  readonly encoders: { readonly libdeflate: string; readonly zstd: string };
  /**
   * Encodes the first bytes of the memory, which is nobody else's until the promise settles. Cancelling rejects the
   * promise, unless the chunk is being encoded already.
   */
  readonly encode: (
    options: { readonly format: "gz" | "zstd"; readonly level: number; readonly jobs: number },
    memory: ArrayBuffer,
    length: number,
  ) => Encoding;
}

/**
 * @param otherwise what to do without them, for the hint
 * @throws {LaminixError} ERR_ADDON_MISSING
 */
export function nativeEncoders(otherwise: string): NativeEncoders {
  const addon = addonOr(otherwise);
  if (addon.encode) return addon as NativeEncoders;
  throw new LaminixError("ERR_ADDON_MISSING", "the native addon was built without libdeflate and zstd", {
    hint: `install their headers (Debian's packages libdeflate-dev and libzstd-dev), and ${buildHint()}; or ${otherwise}`,
  });
}

function addonOr(otherwise: string): Partial<NativeEncoders> {
  try {
    return loadedAddon().addon as Partial<NativeEncoders>;
  } catch (error) {
    if (!(error instanceof LaminixError)) throw error;
    const { code, message, cause, hint = buildHint() } = error;
    throw new LaminixError(code, message, { cause, hint: `${hint}; or ${otherwise}` });
  }
}

export interface NativeChunks extends Pick<ChunkEncoder<ArrayBuffer>, "size" | "ahead"> {
  readonly format: "gz" | "zstd";
  readonly level: number;
  readonly otherwise: string;
}

/** @throws {LaminixError} ERR_ADDON_MISSING */
export function nativeEncoder({
  format,
  level,
  size,
  ahead,
  otherwise,
}: NativeChunks): ChunkEncoder<ArrayBuffer> {
  const addon = nativeEncoders(otherwise);
  return {
    size,
    ahead,
    dictionary: 0,
    allocate: (bytes) => new ArrayBuffer(bytes),
    letGo,
    encode: ({ memory, length }, jobs) => {
      const { promise, cancel } = addon.encode({ format, level, jobs }, memory, length);
      return { promise: promise.catch(failed), cancel };
    },
  };
}

function failed(cause: unknown): never {
  throw new LaminixError("ERR_INTERNAL", "a chunk could not be encoded", { cause });
}
