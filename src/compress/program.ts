/** A program as a filter: standard input in, standard output out. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { onAbort } from "../abort.js";
import type { OwnedBytes } from "../bytes/bytes.js";
import { type ErrorCode, LaminixError } from "../errors.js";
import { endGroup, startGroup } from "../process/group.js";
import { through } from "./through.js";

export interface FilterProgram {
  readonly program: string;
  readonly args: readonly string[];
  /** Debian's name of the package that has it. */
  readonly package: string;
  /** What its failure means. */
  readonly failure: Failure;
  /** What it means when it says something special. */
  readonly others?: readonly (readonly [stderr: RegExp, failure: Failure])[];
}

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

interface Ending {
  readonly error?: NodeJS.ErrnoException;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export function installHint({ program, package: debian }: FilterProgram): string {
  return `install ${program} (Debian's package ${debian})`;
}

/** Characters of what a program says that are kept. */
const KEPT = 2000;

/**
 * What the program makes of the input. The program is killed when the signal aborts, or when nobody reads on.
 * @throws {LaminixError} ERR_PROGRAM when it cannot be started; its failure when it ends with another code than 0, says
 *   anything (bzip2 ends with 0 when it leaves out the end of its input, and says so), or does not read all
 */
export async function* filter(
  input: OwnedBytes,
  filterProgram: FilterProgram,
  signal?: AbortSignal,
): OwnedBytes {
  signal?.throwIfAborted();
  const { program, args } = filterProgram;
  const child = startGroup(() => spawn(program, args, { detached: true, stdio: "pipe", env: environment() }));
  const ended = endOf(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-KEPT)));
  const kill = (): void => {
    endGroup(child);
  };
  const forget = onAbort(signal, kill);
  try {
    yield* through(input, {
      writable: child.stdin,
      readable: child.stdout,
      signal,
      verdict: async ({ whole }) => problemOf(filterProgram, await ended, stderr.trim(), whole),
    });
  } finally {
    forget();
    kill();
  }
}

/** These programs take options from the environment, which are meant for the terminal. */
function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    XZ_DEFAULTS: undefined,
    XZ_OPT: undefined,
    BZIP: undefined,
    BZIP2: undefined,
    ZSTD_CLEVEL: undefined,
    ZSTD_NBTHREADS: undefined,
    LC_ALL: "C",
  };
}

function endOf(child: ChildProcessWithoutNullStreams): Promise<Ending> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve({ error, code: null, signal: null });
    });
    child.once("close", (code, signal) => {
      resolve({ code, signal });
    });
  });
}

function problemOf(
  filterProgram: FilterProgram,
  { error, code, signal }: Ending,
  stderr: string,
  whole: boolean,
): LaminixError | undefined {
  const { program, failure, others = [] } = filterProgram;
  if (error) {
    return new LaminixError("ERR_PROGRAM", `${program} cannot be started: ${error.code ?? error.message}`, {
      cause: error,
      details: { program },
      ...(error.code === "ENOENT" && { hint: installHint(filterProgram) }),
    });
  }
  if (code === 0 && stderr === "" && whole) return undefined;
  const ending = `${program} ended with ${signal ?? String(code)}`;
  const { code: meaning, message, hint } = others.find(([each]) => each.test(stderr))?.[1] ?? failure;
  return new LaminixError(meaning, `${message}: ${stderr === "" ? ending : stderr}`, {
    details: { program, exitCode: code, signal },
    ...(hint !== undefined && { hint }),
  });
}
