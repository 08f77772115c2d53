/** Standard input in place of a file: `-`, or `/dev/stdin`. */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { cannotWrite } from "../files/cannotWrite.js";
import { TemporaryFolder } from "../files/temporary.js";
import { UnpackBudget } from "../transports/unpackBudget.js";
import type { Io } from "./io.js";

/** What messages call it. */
const NAME = "standard input";
/** Bytes of a spec, as many as of one in a file. */
const MAX_SPEC = 256 << 20;

/** Those that it has been read for: it comes once. */
const read = new WeakSet<Io>();

export function isStandardInput(arg: string): boolean {
  return arg === "-" || arg === "/dev/stdin";
}

/**
 * A spec from standard input.
 * @throws {LaminixError} ERR_USAGE for a terminal, or the second time; ERR_SPEC for what is no object of JSON
 */
export async function specInput(io: Io): Promise<{ readonly text: string; readonly name: string }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of inputOf(io)) {
    size += piece.length;
    if (size > MAX_SPEC) throw notSpec(`it has more than ${String(MAX_SPEC >> 20)} MiB`);
    if (pieces.length === 0 && !mayBeSpec(piece)) throw notSpec("it does not begin with {");
    if (pieces.length > 0 || !isBlank(piece)) pieces.push(piece);
  }
  if (pieces.length === 0) throw notSpec("it is empty");
  return { text: Buffer.concat(pieces).toString("utf8"), name: NAME };
}

/**
 * Arguments in which a temporary file stands for standard input, for as long as `use` runs. It is called as a spec is where
 * the first byte that is not blank is `{`, and otherwise as an archive is.
 * @throws {LaminixError} ERR_USAGE for a terminal, or where standard input is named twice; ERR_ARCHIVE where there is more
 *   than may be unpacked; ERR_FILE_WRITE; and what `use` throws
 */
export async function withInput<T>(
  io: Io,
  args: readonly string[],
  { maxUnpacked = new UnpackBudget() }: { readonly maxUnpacked?: UnpackBudget | undefined },
  use: (args: readonly string[]) => Promise<T>,
): Promise<T> {
  if (!args.some(isStandardInput)) return use(args);
  if (args.filter(isStandardInput).length > 1) throw namedTwice();
  using folder = new TemporaryFolder();
  const file = await spooled(io, folder.path, maxUnpacked);
  try {
    return await use(args.map((arg) => (isStandardInput(arg) ? file : arg)));
  } catch (error) {
    throw renamed(error, file);
  }
}

async function spooled(io: Io, folder: string, budget: UnpackBudget): Promise<string> {
  let descriptor: number | undefined;
  let path = join(folder, "input.tar");
  try {
    for await (const piece of inputOf(io)) {
      if (descriptor === undefined) {
        if (isBlank(piece)) continue; // an archive has no blanks before it
        if (mayBeSpec(piece)) path = join(folder, "input.json");
        descriptor = openSync(path, "wx", 0o600);
      }
      budget.take(piece.length, NAME);
      write(descriptor, piece);
    }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  if (descriptor !== undefined) return path;
  throw new LaminixError("ERR_ARCHIVE", `${NAME} is empty`, {
    hint: "did the program that writes to it fail?",
  });
}

function write(descriptor: number, piece: Uint8Array): void {
  try {
    for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
  } catch (cause) {
    throw cannotWrite("a temporary file for standard input", cause);
  }
}

async function* inputOf(io: Io): AsyncGenerator<Uint8Array> {
  const { stdin, signal } = io;
  if (read.has(io)) throw namedTwice();
  read.add(io);
  if (stdin.isTerminal) {
    throw new LaminixError("ERR_USAGE", `${NAME} is a terminal, and nothing is read from it`, {
      hint: "pipe into it, as in docker save IMAGE | laminix inspect -; a file of that name is ./-",
    });
  }
  for await (const piece of stdin.pieces()) {
    signal.throwIfAborted();
    if (piece.length > 0) yield piece;
  }
}

function isBlank(piece: Uint8Array): boolean {
  return piece.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/** Whether it is blank, or `{` is what it begins with; a mark of the byte order may stand before that. */
function mayBeSpec(piece: Uint8Array): boolean {
  return /^(?:\u{feff})?\s*(?:\{|$)/u.test(Buffer.from(piece.subarray(0, 1 << 16)).toString("utf8"));
}

function namedTwice(): LaminixError {
  return new LaminixError("ERR_USAGE", `${NAME} can be read only once, and is named twice`);
}

function notSpec(why: string): LaminixError {
  return new LaminixError("ERR_SPEC", `${NAME} is not a spec in JSON: ${why}`);
}

/** Nobody knows the temporary file by its name. */
function renamed(error: unknown, file: string): unknown {
  if (!(error instanceof LaminixError) || !error.message.includes(file)) return error;
  const { code, message, hint, details, cause } = error;
  return new LaminixError(code, message.replaceAll(file, NAME), {
    ...{ details, cause },
    ...(hint !== undefined && { hint: hint.replaceAll(file, NAME) }),
  });
}
