/** Processes that leave their group, as daemons do. They are known by a variable in their environment, where Linux tells it. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

const VARIABLE = "LAMINIX_OFFSPRING";
const own = `${String(process.pid)}-${randomBytes(6).toString("hex")}`;
let count = 0;

/** What all marks of this process begin with. */
export const MARK = `${VARIABLE}=${own}-`;

export type Mark = Readonly<Record<string, string>>;

/** Variables that mark a program and all that it starts. */
export function newMark(): Mark {
  return { [VARIABLE]: `${own}-${String(++count)}.` };
}

/** Passes over all processes: what is found in one may have started another in the meantime. */
const PASSES = 10;

/** Ends all that has been marked so. */
export function endMarked(mark: Mark): void {
  const text = Object.entries(mark)
    .map(([name, value]) => `${name}=${value}\0`)
    .join("");
  for (let pass = 0; pass < PASSES; pass++) {
    const found = processes().filter((pid) => carries(pid, text));
    if (found.length === 0) return;
    for (const pid of found) end(pid);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function processes(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function carries(pid: number, text: string): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/environ`, "latin1").includes(text);
  } catch {
    return false; // it has ended, or is another's
  }
}
