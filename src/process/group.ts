/** Process groups of children: how they are ended, and that none outlives this process. */
import type { ChildProcess } from "node:child_process";
import { MARK } from "./strays.js";
import { Watcher } from "./watcher.js";

const watcher = new Watcher(MARK);

function killAll(): void {
  for (const pid of watcher.groups) signalGroup(pid, "SIGKILL");
}

/**
 * Starts a child that leads a group of its own. Until the group is released, all of it ends with this process, whatever
 * ends that.
 * @param start spawns it, with `detached`
 */
export function startGroup<T extends ChildProcess>(start: () => T): T {
  watcher.wake();
  const child = start();
  const { pid } = child;
  if (pid === undefined) return child;
  // One listener for all, and none while nothing runs.
  if (watcher.groups.size === 0) process.on("exit", killAll);
  watcher.hold(pid);
  // The number of an empty group may soon be another's.
  child.once("exit", () => {
    if (isEmpty(pid)) release(pid);
  });
  return child;
}

/** Ends what is left of a child's group. */
export function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined || !watcher.groups.has(pid)) return;
  signalGroup(pid, "SIGKILL");
  release(pid);
}

/** Signals a child and all that is still in its group, until that is released. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (watcher.groups.has(pid)) send(pid, signal);
}

function release(pid: number): void {
  watcher.release(pid);
  if (watcher.groups.size === 0) process.off("exit", killAll);
}

function isEmpty(pid: number): boolean {
  return !send(pid, 0);
}

/** Whether anything is left of the group. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
