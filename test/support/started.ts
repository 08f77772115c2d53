import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mustRun, projectRoot } from "./run.js";

export interface StartedOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where standard output goes: an open file, or a stream to be read from the handle. */
  readonly stdout: number | "pipe";
  /** Milliseconds after which it is killed; 60,000 unless given. */
  readonly timeout?: number;
}

/** The command-line program while it runs. */
export interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it has printed to standard error so far. */
  stderr(): string;
  /** Waits until standard error matches; rejects if the program ends before. */
  says(pattern: RegExp): Promise<void>;
  /** Its exit code; `null` and the signal's name where a signal ended it. */
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

/** Starts the command-line program as it was built into `dist/`. */
export function startLaminix(args: readonly string[], options: StartedOptions): Started {
  const child = spawn(process.execPath, [path.join(projectRoot, "dist/bundled/laminix.js"), ...args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", options.stdout, "pipe"],
  });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 60_000);
  let over = false;
  const ended = once(child, "exit").then((result) => {
    over = true;
    clearTimeout(timer);
    return result as [number | null, NodeJS.Signals | null];
  });
  return {
    child,
    ended,
    stderr: () => text,
    says: async (pattern) => {
      while (!pattern.test(text)) {
        if (over) throw new Error(`it ended without saying ${String(pattern)}\n${text}`);
        await sleep(10);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

export interface UnreadPipe extends Disposable {
  /** The end to write to. */
  readonly fd: number;
}

/** A pipe that stays open and that nobody reads. */
export async function unreadPipe(place: string): Promise<UnreadPipe> {
  await mustRun("mkfifo", [place]);
  // One end that is both keeps the other from blocking on opening, and from being told that nobody reads.
  const both = openSync(place, constants.O_RDWR | constants.O_NONBLOCK);
  const fd = openSync(place, constants.O_WRONLY);
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
      closeSync(both);
    },
  };
}
