/** What the addon does for a program that has its process to itself. Without the addon, things stay as they are. */

interface ProcessCalls {
  widenPipe(fd: number): void;
  returnFreedMemory(): void;
  /** See native/addon/passing.h. */
  passFile(from: number, to: number, length: number): Promise<number>;
}

/** Else writer and reader would wait for each other 18,000 times for a gigabyte. */
export async function widenOutput(): Promise<void> {
  await withAddon((addon) => {
    addon.widenPipe(1);
  });
}

/**
 * Passes a file's bytes on to standard output, a pipe, without copying them.
 * @returns how many; fewer where the rest has to be read and written, be it only to hear what is wrong
 */
export async function passFile(descriptor: number, length: number, signal: AbortSignal): Promise<number> {
  let done = 0;
  await withAddon(async (addon) => {
    while (done < length && !signal.aborted) {
      const gone = await addon.passFile(descriptor, 1, length - done);
      if (gone < 0) return;
      done += gone;
    }
  });
  signal.throwIfAborted();
  return done;
}

/** Else the C library keeps tens of megabytes of what was used to read, hash and compress. */
export async function returnFreedMemory(): Promise<void> {
  await withAddon((addon) => {
    addon.returnFreedMemory();
  });
}

async function withAddon(use: (addon: ProcessCalls) => void | Promise<void>): Promise<void> {
  const { loadedAddon } = await import("../process/addon.js");
  try {
    await use(loadedAddon().addon as ProcessCalls);
  } catch {
    // what needs the addon says so
  }
}
