/** What a command line talks to. The program gives its own; tests give theirs. */
import { fstatSync, type Stats, writeSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import { isatty } from "node:tty";
import { cannotWrite } from "../files/cannotWrite.js";
import type { FilePart } from "../files/filePart.js";
import { cut, hasColours, rendered, type ShownText } from "./colour.js";
import { passFile, widenOutput } from "./ownProcess.js";
import { visible } from "./visible.js";

/** What the program is given. */
export interface Streams {
  readonly stdin: DataInput;
  readonly stdout: DataOutput;
  readonly stderr: TextOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** Signals that this process gets. */
  readonly signals?: { passTo(receiver: (signal: NodeJS.Signals) => void): Disposable };
}

/** What commands write to. */
export interface Io extends Streams {
  readonly stdout: Omit<DataOutput, "write"> & {
    /** As `DataOutput` has it; what is written in parts has colours where those are wanted. */
    write(data: Uint8Array | ShownText): Promise<void>;
  };
  readonly stderr: Omit<TextOutput, "write"> & {
    write(text: ShownText): void;
    /** On a terminal: a line in place of the one that was drawn last. It goes when anything else is written. */
    draw(text: ShownText): void;
    /** Clears the line that was drawn last, on a terminal; the next text begins there. */
    erase(): void;
  };
  /** Aborts when the command has ended, one way or another. */
  readonly over: AbortSignal;
  /** With `--json`, those that no document has had yet. */
  readonly warnings: string[];
}

/** To the beginning of the line, and nothing on it. */
const ERASE = "\r\x1b[K";

/**
 * All text for a terminal passes through here: the terminal shows whatever it quotes, and obeys none of it. Bytes pass
 * unchanged, and so does text for a standard output that is no terminal. Colours are added behind that.
 * @param over aborts when the command has ended; never unless given
 */
export function filtered(streams: Streams, over: AbortSignal = new AbortController().signal): Io {
  const { stdout, stderr, environment } = streams;
  const [coloursOut, coloursErr] = [stdout, stderr].map((output) => hasColours(output, environment));
  const shown = stdout.isTerminal ? visible : (text: string): string => text;
  let isDrawn = false;
  const erase = (): void => {
    if (isDrawn) stderr.write(ERASE);
    isDrawn = false;
  };
  const write = (text: ShownText): void => {
    stderr.write(rendered(text, coloursErr === true, visible));
  };
  return {
    ...streams,
    over,
    warnings: [],
    stdout: {
      ...stdout,
      write: (data) => {
        if (data instanceof Uint8Array) return stdout.write(data);
        if (stdout.isTerminal) erase();
        return stdout.write(rendered(data, coloursOut === true, shown));
      },
    },
    stderr: {
      isTerminal: stderr.isTerminal,
      columns: stderr.columns,
      write: (text) => {
        erase();
        write(text);
      },
      draw: (text) => {
        if (!stderr.isTerminal) return;
        stderr.write(ERASE);
        isDrawn = true;
        write(cut(text, Math.max(20, stderr.columns - 1)));
      },
      erase,
    },
  };
}

export interface DataInput {
  readonly isTerminal: boolean;
  /** To its end; once. */
  pieces(): AsyncIterable<Uint8Array>;
}

export interface DataOutput {
  readonly isTerminal: boolean;
  /**
   * Settles when the data has been handed over, so that a slow reader slows the writer and no more.
   * @throws {OutputClosed} when nobody reads any more
   */
  write(data: Uint8Array | string): Promise<void>;
  /**
   * Takes a file without its bytes being copied.
   * @returns how many it has taken; the rest is to be written
   */
  pass?(file: FilePart): Promise<number>;
}

export interface TextOutput {
  /** Whether progress may be drawn over itself. */
  readonly isTerminal: boolean;
  readonly columns: number;
  write(text: string): void;
}

/** Nobody reads standard output any more: not an error, but the end. */
export class OutputClosed extends Error {}

/** A program that was run has ended, and its exit code is that of the command. */
export class ProgramEnded extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`ended with ${String(code)}`);
    this.code = code;
  }
}

/** Standard input of this process; opened when it is read. An interrupt ends the reading. */
export function standardInput(signal: AbortSignal): DataInput {
  return {
    isTerminal: isatty(0),
    pieces: () => addAbortSignal(signal, process.stdin) as AsyncIterable<Uint8Array>,
  };
}

/** Standard output of this process. */
export function standardOutput(signal: AbortSignal): DataOutput {
  const isTerminal = process.stdout.isTTY;
  const stats = statsOfOutput();
  if (stats?.isFile() || (stats?.isCharacterDevice() && !isTerminal))
    return { isTerminal, write: writeToFile };
  let widening: Promise<void> | undefined;
  const widen = (): Promise<void> => (widening ??= widenOutput());
  const write = writeToStream(signal, widen);
  const pass = async ({ descriptor, length }: FilePart): Promise<number> => {
    await widen();
    return passFile(descriptor, length, signal);
  };
  return { isTerminal, write, ...(stats?.isFIFO() && { pass }) };
}

function statsOfOutput(): Stats | undefined {
  try {
    return fstatSync(1);
  } catch {
    return undefined;
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

/** Bytes that fit into a pipe unless it is told otherwise (pipe(7)). */
const USUAL_PIPE = 1 << 16;

/** A pipe may be full for as long as its reader likes; an interrupt is heard meanwhile. */
function writeToStream(signal: AbortSignal, widen: () => Promise<void>): DataOutput["write"] {
  let closed: Error | undefined;
  let wake: ((error: Error) => void) | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    closed = error.code === "EPIPE" ? new OutputClosed() : cannotWrite("standard output", error);
    wake?.(closed);
  });
  signal.addEventListener("abort", () => wake?.(signal.reason as Error), { once: true });
  return async (data) => {
    signal.throwIfAborted();
    if (data.length > USUAL_PIPE) await widen();
    if (closed) throw closed;
    await new Promise<void>((resolve, reject) => {
      wake = reject;
      process.stdout.write(data, (error) => {
        if (!error) resolve();
      });
    });
  };
}
