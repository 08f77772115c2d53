import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export const projectRoot = path.resolve(import.meta.dirname, "../..");

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the child reads on its standard input; nothing unless given. */
  readonly input?: string | Uint8Array | Readable;
  /** Milliseconds after which the child and all in its process group are killed; 60,000 unless given. */
  readonly timeout?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly signal?: AbortSignal;
  /** Called with each piece of standard output in place of keeping it: for outputs too large to hold. */
  readonly onStdout?: (chunk: Buffer) => void;
}

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end. Whatever its exit code, the answer is a result; only a failure to start it rejects. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    // A group of its own, so that a timeout reaches the grandchildren too.
    detached: true,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const { onStdout } = options;
  child.stdout?.on("data", onStdout ?? ((chunk: Buffer) => stdout.push(chunk)));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));

  const killGroup = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It ended in this very moment.
    }
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, options.timeout ?? 60_000);
  options.signal?.addEventListener("abort", killGroup, { once: true });

  let inputError: unknown;
  if (child.stdin && options.input !== undefined) {
    const source = options.input instanceof Readable ? options.input : Readable.from([options.input]);
    pipeline(source, child.stdin).catch((error: unknown) => {
      // A child that stops reading early is the child's business and shows in its exit code;
      // a source that fails must not look like a complete input.
      if ((error as NodeJS.ErrnoException).code === "EPIPE") return;
      if ((error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return;
      inputError = error;
      killGroup();
    });
  }
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (inputError !== undefined) throw inputError as Error;
    return {
      code,
      signal,
      stdout: Buffer.concat(stdout),
      stderr: Buffer.concat(stderr).toString(),
      timedOut,
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", killGroup);
  }
}

/** Like {@link run}, but anything other than exit code 0 rejects, with what the program said. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(program, args, options);
  if (result.code !== 0) {
    const end = result.timedOut ? "ran out of time" : `ended with ${String(result.signal ?? result.code)}`;
    throw new Error(`${[program, ...args].join(" ")} ${end}\n${result.stderr}${result.stdout.toString()}`);
  }
  return result;
}

export interface LaminixOptions extends RunOptions {
  /** Another Node.js binary to run the command with. */
  readonly node?: string;
}

/** Runs the command-line program as it was built into `dist/`. */
export function laminix(args: readonly string[], options: LaminixOptions = {}): Promise<RunResult> {
  const bin = path.join(projectRoot, "dist/bundled/laminix.js");
  return run(options.node ?? process.execPath, [bin, ...args], options);
}
