/** Running a program to its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { onAbort } from "../abort.js";
import { LaminixError } from "../errors.js";
import { endGroup, signalGroup, startGroup } from "./group.js";
import { LineSplitter } from "./lines.js";
import { endMarked, newMark } from "./strays.js";

export interface RunOptions {
  /** What the program reads on its standard input; nothing unless given. */
  readonly input?: string | Uint8Array;
  /** For a program that ends, or does less, at the end of its standard input: there is none. */
  readonly endlessInput?: true;
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /**
   * What the program has started and what has left its group, such as a daemon, ends with it too, where the system tells
   * what is in a process's environment (Linux). For programs that start no daemon which is to stay.
   */
  readonly strays?: "end";
  /** Bytes of standard output that are kept at the most; 256 MiB unless given. */
  readonly maxOutput?: number;
  /** Called with each line of standard output, which is then not kept. */
  readonly onStdoutLine?: (line: string) => void;
  /** Called with each line of standard error. */
  readonly onStderrLine?: (line: string) => void;
  /** What to do when the program is not there. */
  readonly hint?: string;
}

export interface RunResult {
  /** Empty where it was given away by lines. */
  readonly stdout: Buffer;
  /** The end of it: 64 KiB. */
  readonly stderr: string;
}

const MAX_OUTPUT = 256 << 20;
const STDERR_END = 64 << 10;
/** Milliseconds between asking to end and ending. */
const GRACE = 2000;

/**
 * Runs a program until it ends with 0. It leads a process group of its own, which gets SIGTERM, and SIGKILL two
 * seconds later, when the signal aborts, the output is too large, or a callback throws. The promise settles when the
 * program has ended and the rest of its group has been sent SIGKILL. Nothing of the group outlives this process, whatever
 * ends that.
 * @throws {LaminixError} ERR_PROGRAM with `details`: `program`, `stderr` (its end), and, where it ran to its end,
 *   `exitCode` and `signal`, of which one is null
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const mark = options.strays && newMark();
  const child = start(program, args, { ...options, env: { ...options.env, ...mark } });
  const stop = new Stop(child);
  const output = collect(child, program, options, stop);
  const stopListening = onAbort(options.signal, () => {
    stop.because(options.signal?.reason);
  });
  try {
    // A program that reads no more is its own business, and shows in its exit code.
    child.stdin?.on("error", () => undefined);
    if (!options.endlessInput) child.stdin?.end(options.input);
    // What a script has left running may hold on to its output, which would be waited for.
    const [exitCode, signal] = await ended(child, program, options, () => {
      if (stop.reason) stop.finish();
      if (!mark) return;
      endGroup(child);
      endMarked(mark);
    });
    output.end();
    if (stop.reason) throw stop.reason.value;
    const stderr = output.stderr();
    if (exitCode === 0) return { stdout: output.stdout(), stderr };
    const how = signal === null ? `failed with exit code ${String(exitCode)}` : `was ended by ${signal}`;
    // Who listens to its lines knows better which of them tells why.
    const lastLine = options.onStderrLine ? "" : (stderr.trimEnd().split("\n").at(-1) ?? "");
    throw new LaminixError("ERR_PROGRAM", `${program} ${how}${lastLine === "" ? "" : `: ${lastLine}`}`, {
      details: { program, exitCode, signal, stderr },
    });
  } finally {
    stopListening();
    stop.clear();
    endGroup(child);
  }
}

function start(program: string, args: readonly string[], options: RunOptions): ChildProcess {
  const hasInput = options.input !== undefined || options.endlessInput;
  try {
    return startGroup(() =>
      spawn(program, args, {
        detached: true,
        env: { ...process.env, ...options.env },
        stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe"],
        ...(options.cwd !== undefined && { cwd: options.cwd }),
      }),
    );
  } catch (cause) {
    // Such as arguments that are too long.
    throw notStarted(program, options, cause);
  }
}

function notStarted(program: string, { cwd, hint }: RunOptions, cause: unknown): LaminixError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const missing = code === "ENOENT";
  const folderIsMissing = missing && cwd !== undefined && !statSync(cwd, { throwIfNoEntry: false });
  const why = folderIsMissing ? `there is no folder ${cwd}` : missing ? "it is not there" : message;
  return new LaminixError("ERR_PROGRAM", `${program} cannot be run: ${why}`, {
    cause,
    details: { program, stderr: "" },
    ...(missing && !folderIsMissing && { hint: hint ?? "install it, or add its folder to PATH" }),
  });
}

/** The end of a child that is not to go on. */
class Stop {
  /** Boxed, for an abort's reason may be anything. */
  reason: { readonly value: unknown } | undefined;
  readonly #child: ChildProcess;
  #timer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  because(value: unknown): void {
    const { pid } = this.#child;
    if (this.reason || pid === undefined) return;
    this.reason = { value };
    signalGroup(pid, "SIGTERM");
    this.#timer = setTimeout(() => {
      this.finish();
    }, GRACE);
  }

  /** Ends what is left of the group, and waits no longer for pipes that somebody outside of it may hold. */
  finish(): void {
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid, "SIGKILL");
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

type Ending = readonly [exitCode: number | null, signal: NodeJS.Signals | null];

/** @param onExit called when the program has ended, though its output may still be open */
function ended(
  child: ChildProcess,
  program: string,
  options: RunOptions,
  onExit: () => void,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(notStarted(program, options, cause));
    });
    child.once("exit", onExit);
    child.once("close", (exitCode, signal) => {
      resolve([exitCode, signal]);
    });
  });
}

interface Output {
  stdout(): Buffer;
  stderr(): string;
  /** Gives away last lines without a line feed. */
  end(): void;
}

function collect(child: ChildProcess, program: string, options: RunOptions, stop: Stop): Output {
  const { maxOutput = MAX_OUTPUT, onStdoutLine, onStderrLine } = options;
  const pieces: Buffer[] = [];
  let size = 0;
  let stderr = Buffer.alloc(0);

  /** In an event's handler an exception would end this process. */
  const guarded = (action: () => void): void => {
    try {
      if (!stop.reason) action();
    } catch (error) {
      stop.because(error);
    }
  };
  const keep = (piece: Buffer): void => {
    size += piece.length;
    if (size <= maxOutput) {
      pieces.push(piece);
      return;
    }
    throw new LaminixError("ERR_PROGRAM", `${program} printed more than ${String(maxOutput)} bytes`, {
      details: { program, maxOutput, stderr: stderr.toString() },
    });
  };

  const stdoutLines = onStdoutLine && new LineSplitter(onStdoutLine);
  const stderrLines = onStderrLine && new LineSplitter(onStderrLine);
  child.stdout?.on("data", (piece: Buffer) => {
    guarded(() => {
      if (stdoutLines) stdoutLines.push(piece);
      else keep(piece);
    });
  });
  child.stderr?.on("data", (piece: Buffer) => {
    stderr = Buffer.concat([stderr, piece]).subarray(-STDERR_END);
    guarded(() => stderrLines?.push(piece));
  });
  return {
    stdout: () => Buffer.concat(pieces),
    stderr: () => stderr.toString(),
    end: () => {
      guarded(() => {
        stdoutLines?.end();
        stderrLines?.end();
      });
    },
  };
}
