/** What a command line talks to. The program gives its own; tests give theirs. */
import { fstatSync, writeSync } from "node:fs";
import { cannotWrite } from "../files/cannotWrite.js";

export interface Io {
  readonly stdout: DataOutput;
  readonly stderr: TextOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

export interface DataOutput {
  readonly isTerminal: boolean;
  /**
   * Settles when the data has been handed over, so that a slow reader slows the writer and no more.
   * @throws {OutputClosed} when nobody reads any more
   */
  write(data: Uint8Array | string): Promise<void>;
}

export interface TextOutput {
  /** Whether progress may be drawn over itself. */
  readonly isTerminal: boolean;
  readonly columns: number;
  write(text: string): void;
}

/** Nobody reads standard output any more: not an error, but the end. */
export class OutputClosed extends Error {}

/** Standard output of this process. */
export function standardOutput(signal: AbortSignal): DataOutput {
  const isTerminal = process.stdout.isTTY;
  return { isTerminal, write: isFile() ? writeToFile : writeToStream(signal) };
}

function isFile(): boolean {
  try {
    const stats = fstatSync(1);
    return stats.isFile() || (stats.isCharacterDevice() && !process.stdout.isTTY);
  } catch {
    return false;
  }
}

/** A file or a device such as /dev/null takes data at once. */
function writeToFile(data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
  } catch (cause) {
    return Promise.reject(cannotWrite("standard output", cause));
  }
  return Promise.resolve();
}

/** A pipe may be full for as long as its reader likes; an interrupt is heard meanwhile. */
function writeToStream(signal: AbortSignal): DataOutput["write"] {
  let closed: Error | undefined;
  let wake: ((error: Error) => void) | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    closed = error.code === "EPIPE" ? new OutputClosed() : cannotWrite("standard output", error);
    wake?.(closed);
  });
  signal.addEventListener("abort", () => wake?.(signal.reason as Error), { once: true });
  return async (data) => {
    signal.throwIfAborted();
    if (closed) throw closed;
    await new Promise<void>((resolve, reject) => {
      wake = reject;
      process.stdout.write(data, (error) => {
        if (!error) resolve();
      });
    });
  };
}
