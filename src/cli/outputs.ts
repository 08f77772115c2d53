/** Where commands write: files, or standard output. */
import type { ImageFormat, ImageOutput } from "../builders/build/imageFile.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import type { Output, OutputTarget } from "../files/outputTarget.js";
import { printArchive } from "./archiveOutput.js";
import type { ShownText } from "./colour.js";
import { type Io, OutputClosed } from "./io.js";
import { writeLines } from "./lines.js";
import { refuseTerminal } from "./terminal.js";

/** Help of `--output`. */
export const OUTPUT = "the file to write, or - for standard output";

export const STANDARD_OUTPUT = "-";

class StandardOutput implements Output {
  /** What summaries call it. */
  readonly path = "standard output";
  readonly writeParts?: Output["writeParts"] & {};
  readonly #io: Io;

  constructor(io: Io) {
    this.#io = io;
    if (io.stdout.pass) this.writeParts = (pieces) => printArchive(io, pieces);
  }

  write(pieces: BorrowedBytes): Promise<number> {
    return printArchive(this.#io, pieces);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

export type OutputContent =
  /** An archive, and the program that reads one: for the hint not to print it on a terminal. */
  { readonly content: "archive"; readonly reader: string } | { readonly content: "text" };

/**
 * A place that has been checked, before the work begins.
 * @throws {LaminixError} ERR_FILE_WRITE; ERR_USAGE for an archive on a terminal
 */
export async function outputAt(place: string, io: Io, what: OutputContent): Promise<Output> {
  const target = await targetOf(place);
  if (target === STANDARD_OUTPUT) {
    if (what.content === "archive") refuseTerminal(io, what.reader);
    return new StandardOutput(io);
  }
  const { openTarget } = await import("../files/output.js");
  const options = { signal: io.signal, content: what.content };
  const output = await openTarget(place, target, options).catch(closed);
  return {
    path: place,
    write: (pieces) => output.write(pieces).catch(closed),
    [Symbol.asyncDispose]: () => output[Symbol.asyncDispose](),
  };
}

/** The same for an image in any format. */
export async function imageOutputAt(
  { output, format }: { readonly output: string; readonly format?: ImageFormat },
  io: Io,
): Promise<ImageOutput> {
  if (format !== "oci-dir") return outputAt(output, io, { content: "archive", reader: "docker load" });
  if (output === STANDARD_OUTPUT) {
    throw new LaminixError("ERR_USAGE", "an oci-dir is a folder, and cannot be written to standard output", {
      hint: "write an archive of it, with --format oci-archive; a folder of that name is ./-",
    });
  }
  const { openImageOutput } = await import("../builders/build/imageFile.js");
  return openImageOutput({ output, format });
}

/**
 * How an archive is compressed.
 * @param wanted what was asked for; unless given, what the file's name says; standard output is left as it is
 * @throws {LaminixError} ERR_USAGE
 */
export async function compressionAt(
  place: string,
  wanted: string | undefined,
): Promise<"none" | "gz" | "zstd"> {
  const { compressionFor } = await import("../transports/file.js");
  return wanted === undefined && (await targetOf(place)) === STANDARD_OUTPUT
    ? "none"
    : compressionFor(place, wanted);
}

/** Prints facts; on standard error where standard output has something else. */
export async function printBeside(
  output: ImageOutput | undefined,
  io: Io,
  lines: Iterable<ShownText>,
): Promise<void> {
  if (!(output instanceof StandardOutput)) await writeLines(io, lines);
  else for (const line of lines) io.stderr.write(line);
}

async function targetOf(place: string): Promise<OutputTarget | typeof STANDARD_OUTPUT> {
  if (place === STANDARD_OUTPUT) return place;
  const { outputTarget } = await import("../files/outputTarget.js");
  const target = await outputTarget(place);
  return target.kind === "descriptor" && target.descriptor === 1 ? STANDARD_OUTPUT : target;
}

/** A pipe whose reader has gone is the end, as it is for standard output. */
function closed(error: unknown): never {
  const isClosed = error instanceof LaminixError && error.details["errno"] === "EPIPE";
  throw isClosed ? new OutputClosed() : error;
}
