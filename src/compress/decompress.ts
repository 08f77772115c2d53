/** Decoders: compressed bytes in, plain bytes out. */
import { type BrotliDecompress, createBrotliDecompress, createGunzip, type Gunzip } from "node:zlib";
import type { OwnedBytes } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import type { Compression } from "./compressions.js";
import { filter, type FilterProgram } from "./program.js";
import { through } from "./through.js";

/*
 * Node has gzip and Brotli. It has no xz and no bzip2, and its zstd (from 22.15 on) takes what follows the first frame
 * for nothing, so that a file of several frames loses all but one. What npm has for xz and bzip2 either needs a later
 * Node, or blocks the thread for as long as it decodes, and takes longer than the programs, which work beside it; they
 * are also what most of the world trusts with its archives. So these three are programs.
 */
const failure = { code: "ERR_COMPRESSION", message: "the data is damaged" } as const;
const needsMemory = {
  code: "ERR_COMPRESSION",
  message: "the data takes too much memory to be unpacked",
  hint: "compress it with a smaller dictionary (xz: up to 128 MiB) or window (zstd: without --long, or up to --long=27)",
} as const;
const programs: Readonly<Record<"bzip2" | "xz" | "zstd", FilterProgram>> = {
  bzip2: { program: "bzip2", args: ["-dc"], package: "bzip2", failure },
  xz: {
    program: "xz",
    // Files of `xz -9` take 65 MiB.
    args: ["-dc", "--memlimit-decompress=160MiB"],
    package: "xz-utils",
    failure,
    others: [[/memory usage limit/i, needsMemory]],
  },
  zstd: {
    program: "zstd",
    // What all decoders have to accept is 8 MiB (RFC 8878, 3.1.1.1.2); files of `zstd --ultra -22` take 128 MiB.
    args: ["-dc", "--memory=128MB"],
    package: "zstd",
    failure,
    others: [[/window size larger|too much memory|requires .* memory|Use --long=/i, needsMemory]],
  },
};

/** The program that a decoder is; none where it is Node's. */
export function decoderProgram(compression: Compression): FilterProgram | undefined {
  return Object.hasOwn(programs, compression) ? programs[compression as keyof typeof programs] : undefined;
}

/** Bytes that a decoder hands over at once. */
const CHUNK = 1 << 18;

/**
 * The plain bytes. Several members, frames or streams behind one another count as one, as for the programs; anything
 * else behind the end is refused.
 * @param input should end when the signal aborts
 * @throws {LaminixError} ERR_COMPRESSION for damaged or incomplete data, ERR_PROGRAM when a program that is needed is
 *   not there; and whatever `input` throws
 */
export function decompress(
  input: OwnedBytes,
  compression: Compression,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): OwnedBytes {
  if (compression === "none") return input;
  if (compression === "gzip") return inflate(input, createGunzip, signal);
  if (compression === "br") return inflate(input, createBrotliDecompress, signal);
  return filter(input, programs[compression], signal);
}

async function* inflate(
  input: OwnedBytes,
  create: (options: { readonly chunkSize: number }) => Gunzip | BrotliDecompress,
  signal: AbortSignal | undefined,
): OwnedBytes {
  const decoder = create({ chunkSize: CHUNK });
  yield* through(input, {
    writable: decoder,
    readable: decoder,
    signal,
    verdict: ({ error, given }) => {
      if (error !== undefined) return damaged((error as Error).message, error);
      // zlib leaves alone what it does not take for a further member.
      return given === decoder.bytesWritten ? undefined : damaged("something else follows its end");
    },
  });
}

function damaged(why: string, cause?: unknown): LaminixError {
  return new LaminixError(failure.code, `${failure.message}: ${why}`, { cause });
}
