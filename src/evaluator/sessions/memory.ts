/** How much memory a process has. */
import { readFileSync } from "node:fs";

/** Resident memory in bytes, where the system tells it in a file (Linux, proc(5), `VmRSS`, in units of 1024 bytes). */
export function residentMemory(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, "latin1")) ?? [];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
