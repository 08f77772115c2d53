/** A container that runs, whoever runs it. */
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { onAbort } from "../../abort.js";

/** What it has of the store is protected from garbage collection until it has ended. */
export interface Container extends AsyncDisposable {
  /** Absent where `stdio` does not make pipes of them. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * How its command ended, as a shell reports it: 128 and its number for a signal. Rejects where there was none to run,
   * and with the reason of a signal that aborts.
   */
  readonly ended: Promise<number>;
  /** Sends its command a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it at once, with all that it has started, unless it has ended. Idempotent. */
  close(): Promise<void>;
}

export interface Running {
  /** Leads a process group. */
  readonly child: ChildProcess;
  readonly signal: AbortSignal | undefined;
  /** How it ended, from its exit code and signal. */
  readonly statusOf: (code: number | null, signal: NodeJS.Signals | null) => number;
  /** Ends the container. */
  readonly stop: () => void;
  /** Lets go of what it needed. */
  readonly release: () => Promise<void>;
}

/** The container that a child process runs. */
export function runningContainer({ child, signal, statusOf, stop, release }: Running): Container {
  const stopListening = onAbort(signal, stop);
  const end = async (): Promise<number> => {
    try {
      const [code, by] = await exitOf(child);
      signal?.throwIfAborted();
      return statusOf(code, by);
    } finally {
      stopListening();
      await release();
    }
  };
  const ended = end();
  ended.catch(() => undefined); // whoever waits for it hears of it
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) stop();
    await ended.catch(() => undefined);
  };
  return {
    ...{ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, close },
    kill: (name) => {
      signalAll(child, name);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** A process group of its own; nothing where it has ended. */
function signalAll({ pid, exitCode, signalCode }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has just ended.
  }
}

function exitOf(child: ChildProcess): Promise<readonly [number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (...end) => {
      resolve(end);
    });
  });
}
