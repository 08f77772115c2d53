/** Process groups of children: how they are ended, and that none outlives this process. */

const running = new Set<number>();

function killAll(): void {
  for (const pid of running) signalGroup(pid, "SIGKILL");
}

/** A child started with `detached` leads a group of its own; until `release`, it dies with this process. */
export function hold(pid: number): void {
  // One listener for all, and none while nothing runs.
  if (running.size === 0) process.on("exit", killAll);
  running.add(pid);
}

export function release(pid: number): void {
  running.delete(pid);
  if (running.size === 0) process.off("exit", killAll);
}

/** Signals a child and all that is still in its group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}
