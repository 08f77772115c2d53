/**
 * zstd (RFC 8878) on several cores: by Node where it can, else by the program.
 *
 * Node's own streams cannot use several threads: with workers they end before the last byte
 * (https://github.com/nodejs/node/issues/59899), and even without, their bytes depend on how fast they are fed
 * (https://github.com/nodejs/node/issues/66078). So chunks are compressed at one call each, into frames that follow one
 * another, which the format takes for one.
 */
import { availableParallelism } from "node:os";
import { type BorrowedBytes, copied } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import { encodeChunks } from "./chunks.js";
import type { CompressOptions } from "./compressors.js";
import { zstdOfNode } from "./nodeZstd.js";
import { filter, type FilterProgram } from "./program.js";

/** Twice the window of the usual level: a frame knows nothing of the one before it. */
const FRAME = 1 << 22;
export const ZSTD_LEVEL = 3;

/** @throws {LaminixError} ERR_UNSUPPORTED, ERR_PROGRAM; and whatever `pieces` throws */
export function zstd(pieces: BorrowedBytes, options: CompressOptions): BorrowedBytes {
  if (!zstdOfNode()) return byProgram(pieces, options);
  const { level = ZSTD_LEVEL, signal, jobs } = options;
  return encodeChunks(pieces, { format: "zstd", level, size: FRAME, ahead: 1, dictionary: 0, signal, jobs });
}

async function* byProgram(
  pieces: BorrowedBytes,
  { level = ZSTD_LEVEL, signal, jobs = availableParallelism() }: CompressOptions,
): BorrowedBytes {
  const program: FilterProgram = {
    program: "zstd",
    // Any number of threads gives the same bytes; only `--single-thread`, which is no thread at all, gives others.
    args: ["-q", "-c", "--check", `-${String(level)}`, `-T${String(Math.max(1, jobs))}`],
    package: "zstd",
    failure: { code: "ERR_PROGRAM", message: "zstd failed" },
  };
  try {
    yield* filter(copied(pieces), program, signal);
  } catch (error) {
    throw isMissing(error) ? unsupported(error) : error;
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof LaminixError) || error.code !== "ERR_PROGRAM") return false;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === "ENOENT" && error.details.program === "zstd";
}

function unsupported(cause: unknown): LaminixError {
  return new LaminixError(
    "ERR_UNSUPPORTED",
    `this Node (${process.version}) has no zstd, and there is no program zstd`,
    {
      cause,
      hint: "install zstd (Debian's package zstd), use Node 22.15 or later, or another compression: gz, none",
    },
  );
}
