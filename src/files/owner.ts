/**
 * Temporary files are named after the process that owns them, so that a later one can remove what a process that was
 * killed has left behind, and nothing that is still in use.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { textIfThere } from "./optionalFile.js";

/** `PID-START-PLACE-RANDOM`, numbers in base 36: see `ownTag`. */
const TAG = /^([0-9a-z]+)-([0-9a-z]+)-([0-9a-f]{8})-[0-9a-f]{8}$/;

/**
 * Files and folders that are there only for as long as some work takes. Whoever makes one adds its path, and takes it
 * away when the file has gone or is finished; a process that has to end at once can tell then what it leaves.
 */
export const unfinished = new Set<string>();

/** A new tag for a name: this process's id and its start, where that id is valid, and something random. */
export function ownTag(): string {
  const start = startOf(process.pid) ?? 0;
  const random = randomBytes(4).toString("hex");
  return `${process.pid.toString(36)}-${start.toString(36)}-${place()}-${random}`;
}

/**
 * Whether the tag belongs to a process that has ended. `false` for what is no tag, and for a process of another boot, container
 * or machine, of which nobody here can tell.
 */
export function isLeftBehind(tag: string): boolean {
  const [, pid = "", start = "", itsPlace] = TAG.exec(tag) ?? [];
  if (itsPlace !== place()) return false;
  const id = parseInt(pid, 36);
  const running = startOf(id);
  if (running !== undefined) return running !== parseInt(start, 36);
  return !isRunning(id);
}

let known: string | undefined;

/** Within one place a process id means one process at a time: a boot of a machine, and a PID namespace in it. */
function place(): string {
  known ??= createHash("sha256").update(describePlace()).digest("hex").slice(0, 8);
  return known;
}

function describePlace(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1");
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** When a process was started, in ticks since the boot (proc(5), `/proc/PID/stat`, field 22); `undefined` where nobody tells. */
function startOf(pid: number): number | undefined {
  const stat = textIfThere(`/proc/${String(pid)}/stat`);
  // The second field, the program's name in parentheses, may hold anything.
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return start === undefined ? undefined : Number(start);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
