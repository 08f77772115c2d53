/** One run of the command line: its exit code, and what its errors look like. */
import { type ErrorCode, LaminixError } from "../errors.js";
import { redactValue } from "../redact.js";
import { styled } from "./colour.js";
import { filtered, type Io, OutputClosed, ProgramEnded, type Streams } from "./io.js";
import { version } from "./version.js";

/** Exit codes. */
const DONE = 0;
const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;
const CLOSED = 141;

/** Errors that may come of a part that is missing here. */
const MISSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_ADDON_MISSING",
  "ERR_NO_DAEMON",
  "ERR_ENGINE_HOST",
  "ERR_ENGINE_UNREACHABLE",
  "ERR_MACHINE",
  "ERR_NAMESPACE",
  "ERR_PROGRAM",
]);

const DOCTOR = "`laminix doctor` shows what else is missing on this machine";

/**
 * Runs one command line.
 * @param argv the arguments, without the program
 * @returns the exit code
 */
export async function main(argv: readonly string[], streams: Streams): Promise<number> {
  const over = new AbortController();
  const io = filtered(streams, over.signal);
  const end = (): void => {
    over.abort();
    io.stderr.erase();
  };
  try {
    const [first = "", ...others] = argv;
    // Loading the commands takes longer than Node's own start.
    if (others.length === 0 && ["--version", "-V"].includes(first)) await io.stdout.write(`${version}\n`);
    else await (await import("./program.js")).runProgram(argv, io);
    end();
    reportWarnings(io);
    return DONE;
  } catch (error) {
    if (error instanceof ProgramEnded) {
      // The last line on the terminal is the program's.
      reportWarnings(io);
      return error.code;
    }
    end();
    if (error instanceof OutputClosed) return CLOSED;
    if (io.signal.aborted) return INTERRUPTED;
    const first = firstFailure(error);
    report(first, io, argv);
    return first instanceof LaminixError && first.code === "ERR_USAGE" ? USAGE : FAILED;
  }
}

/** What went wrong, where cleaning up after it failed too (ECMAScript, SuppressedError). */
function firstFailure(error: unknown): unknown {
  return error instanceof Error && "suppressed" in error ? firstFailure(error.suppressed) : error;
}

/** Of a command that has printed no document with room for them. */
function reportWarnings({ stderr, warnings }: Io): void {
  if (warnings.length > 0) stderr.write(`${JSON.stringify({ warnings })}\n`);
}

/** A program that ran, and failed, is not missing. */
function hintOf({ code, hint, details }: LaminixError): string | undefined {
  if (!MISSING.has(code) || (code === "ERR_PROGRAM" && "exitCode" in details)) return hint;
  return hint === undefined ? DOCTOR : `${hint}; ${DOCTOR}`;
}

function report(error: unknown, io: Io, argv: readonly string[]): void {
  // Coded errors have no secrets in them; others may.
  const { message, stack = "" } = redactValue(
    error instanceof Error ? error : new Error(String(error)),
  ) as Error;
  const code = error instanceof LaminixError ? error.code : "ERR_INTERNAL";
  const hint = error instanceof LaminixError ? hintOf(error) : undefined;
  if (argv.includes("--json")) {
    io.stderr.write(`${JSON.stringify({ error: { code, message, hint }, warnings: io.warnings })}\n`);
    return;
  }
  io.stderr.write([styled("error", "laminix:"), ` ${message}\n`]);
  if (hint !== undefined) io.stderr.write([styled("hint", "hint:"), ` ${hint}\n`]);
  const verbose = argv.includes("--verbose") || code === "ERR_INTERNAL";
  if (verbose && error instanceof Error) io.stderr.write(`${stack}\n`);
}
