/** Pipes, devices and descriptors: what is written to them has gone where they lead, and they stay what they are. */
import { closeSync, constants, fstatSync, openSync, readdirSync, type Stats, write } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { abortable } from "../abort.js";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { cannotWrite, cannotWriteUnlessCoded, refusedOutput } from "./cannotWrite.js";
import { textIfThere } from "./optionalFile.js";
import type { OutputOptions, Output } from "./outputTarget.js";

/** Neither is a pipe without a reader, or a line without a carrier, waited for in a thread that nothing interrupts. */
const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Milliseconds between two attempts, at first and at most. */
const PAUSE = { first: 5, longest: 100 } as const;

const writeTo = promisify(write);

/** @throws {LaminixError} ERR_FILE_WRITE where it is no pipe any more; whatever the signal's reason is, while no one reads */
export async function throughPipe(asked: string, path: string, options: OutputOptions): Promise<Output> {
  const opened = await retried("ENXIO", options.signal, () =>
    Promise.resolve().then(() => openAs(path, FLAGS | constants.O_NOFOLLOW, (stats) => stats.isFIFO())),
  ).catch((error: unknown) => {
    throw failure(asked, error, options.signal);
  });
  return pipeOutput(asked, opened, options);
}

/** @throws {LaminixError} ERR_FILE_WRITE */
export function throughDevice(asked: string, path: string, options: OutputOptions): Output {
  const flags = FLAGS | constants.O_NOFOLLOW;
  const descriptor = attempt(asked, () => openAs(path, flags, (stats) => stats.isCharacterDevice()));
  try {
    refuseTerminal(asked, descriptor, options);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptorOutput(asked, descriptor, options, { close: true });
}

/**
 * A file is written on where its descriptor stands, as the one who opened it meant it.
 * @throws {LaminixError} ERR_FILE_WRITE
 */
export async function throughDescriptor(
  asked: string,
  descriptor: number,
  options: OutputOptions,
): Promise<Output> {
  const stats = attempt(asked, () => fstatSync(descriptor));
  if (accessMode(descriptor) === constants.O_RDONLY || isRuntimes(stats)) {
    throw cannotWrite(asked, { code: "EBADF" });
  }
  if (stats.isFIFO()) {
    // Opened anew, since whoever else has it would be surprised by a descriptor that does not block.
    const own = reopened(asked, () =>
      openAs(`/dev/fd/${String(descriptor)}`, FLAGS, (found) => found.isFIFO()),
    );
    return pipeOutput(asked, own, options);
  }
  if (stats.isFile() || stats.isCharacterDevice()) {
    refuseTerminal(asked, descriptor, options);
    return descriptorOutput(asked, descriptor, options, { close: false });
  }
  const [what] = [
    ...(stats.isDirectory() ? ["a folder"] : []),
    ...(stats.isBlockDevice() ? ["a block device"] : []),
    ...(stats.isSocket() ? ["a socket"] : []),
  ];
  if (what === undefined) throw cannotWrite(asked, { code: "EBADF" });
  throw refusedOutput(asked, `it is ${what}`, "write to a file, or through a pipe");
}

/** Written to as the event loop is told that there is room, so that a reader that has stalled stops nothing else. */
async function pipeOutput(asked: string, descriptor: number, { signal }: OutputOptions): Promise<Output> {
  // Loaded for those who need it.
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  // Each write is told of its failure too.
  socket.on("error", () => undefined);
  const close = async (): Promise<void> => {
    if (socket.closed) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    await closed;
  };
  const put = (piece: Uint8Array): Promise<void> => abortable(written(socket, piece), signal);
  return {
    path: asked,
    write: (pieces) => writeEach(asked, pieces, put, signal, close),
    [Symbol.asyncDispose]: close,
  };
}

function written(socket: Socket, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(piece, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function descriptorOutput(
  asked: string,
  descriptor: number,
  { signal }: OutputOptions,
  { close: isOwn }: { readonly close: boolean },
): Output {
  let open = isOwn;
  const close = (): Promise<void> => {
    if (open) closeSync(descriptor);
    open = false;
    return Promise.resolve();
  };
  const put = async (piece: Uint8Array): Promise<void> => {
    for (let done = 0; done < piece.length;) {
      const step = (): Promise<{ bytesWritten: number }> =>
        writeTo(descriptor, piece, done, piece.length - done, null);
      done += (await retried("EAGAIN", signal, step)).bytesWritten;
    }
  };
  return {
    path: asked,
    write: (pieces) => writeEach(asked, pieces, put, signal, close),
    [Symbol.asyncDispose]: close,
  };
}

async function writeEach(
  asked: string,
  pieces: BorrowedBytes,
  put: (piece: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
  close: () => Promise<void>,
): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    await put(piece).catch((error: unknown) => {
      throw failure(asked, error, signal);
    });
    size += piece.length;
  }
  await close();
  return size;
}

/** Again and again, for as long as it fails with this code. */
async function retried<T>(code: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  for (let pause: number = PAUSE.first; ; pause = Math.min(2 * pause, PAUSE.longest)) {
    signal?.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== code) throw error;
    }
    await abortable(setTimeout(pause), signal);
  }
}

/** Between the look at what it is and its opening something else may have been put there. */
function openAs(path: string, flags: number, isIt: (stats: Stats) => boolean): number {
  const descriptor = openSync(path, flags);
  if (isIt(fstatSync(descriptor))) return descriptor;
  closeSync(descriptor);
  throw refusedOutput(path, "it has become something else", "see what else writes there");
}

/** What the descriptor was opened for; `undefined` where nobody tells, which only Linux does. */
function accessMode(descriptor: number): number | undefined {
  const [, octal] = /^flags:\s*([0-7]+)$/m.exec(textIfThere(`/proc/self/fdinfo/${String(descriptor)}`)) ?? [];
  return octal === undefined ? undefined : parseInt(octal, 8) & 3;
}

/** A pipe that this process reads, too, is one of its runtime's, and was not given to it by anybody. */
function isRuntimes({ dev, ino }: Stats): boolean {
  return ownDescriptors().some((descriptor) => {
    try {
      const stats = fstatSync(descriptor);
      const isSame = stats.isFIFO() && stats.dev === dev && stats.ino === ino;
      return isSame && accessMode(descriptor) === constants.O_RDONLY;
    } catch {
      return false; // it was open for the listing alone
    }
  });
}

function ownDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}

function refuseTerminal(asked: string, descriptor: number, { content }: OutputOptions): void {
  if (content === "text" || !isatty(descriptor)) return;
  throw refusedOutput(asked, "an archive is not written to a terminal", "write to a file, or through a pipe");
}

/** A pipe without a reader cannot be opened again; written to, it would be broken. */
function reopened(asked: string, open: () => number): number {
  try {
    return open();
  } catch (error) {
    const isBroken = (error as NodeJS.ErrnoException).code === "ENXIO";
    throw isBroken ? cannotWrite(asked, { code: "EPIPE" }) : cannotWriteUnlessCoded(asked, error);
  }
}

function attempt<T>(asked: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw cannotWriteUnlessCoded(asked, error);
  }
}

/** What an interrupt rejects with is told as it is. */
function failure(asked: string, error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted ? signal.reason : cannotWriteUnlessCoded(asked, error);
}
