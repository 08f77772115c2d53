/** What the addon does for a program that has its process to itself. Without the addon, things stay as they are. */

interface ProcessCalls {
  widenPipe(fd: number): void;
  returnFreedMemory(): void;
}

/** Else writer and reader would wait for each other 18,000 times for a gigabyte. */
export async function widenOutput(): Promise<void> {
  await withAddon((addon) => {
    addon.widenPipe(1);
  });
}

/** Else the C library keeps tens of megabytes of what was used to read, hash and compress. */
export async function returnFreedMemory(): Promise<void> {
  await withAddon((addon) => {
    addon.returnFreedMemory();
  });
}

async function withAddon(use: (addon: ProcessCalls) => void): Promise<void> {
  const { loadedAddon } = await import("../process/addon.js");
  try {
    use(loadedAddon().addon as ProcessCalls);
  } catch {
    // what needs the addon says so
  }
}
