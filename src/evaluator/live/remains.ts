/** Folders of evaluators that nobody has closed when the process ends. */
const folders = new Set<Disposable>();

function removeAll(): void {
  for (const folder of folders) folder[Symbol.dispose]();
}

/** Has a folder removed at the end of this process, or thread, unless that is killed. */
export function removeAtExit(folder: Disposable): void {
  // One listener for all: Node warns of more than ten.
  if (folders.size === 0) process.on("exit", removeAll);
  folders.add(folder);
}

/** Removes it now. */
export function removeNow(folder: Disposable): void {
  folder[Symbol.dispose]();
  folders.delete(folder);
  if (folders.size === 0) process.off("exit", removeAll);
}
