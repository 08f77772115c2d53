/** What runs on this machine, as Linux tells it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Process {
  readonly pid: number;
  /** Of its process group. */
  readonly group: number;
  /** Its program and arguments, separated by spaces. */
  readonly command: string;
  /** `NAME=VALUE`, each with a NUL character at its end; empty where it may not be read. */
  readonly environment: string;
}

/** All that have not ended. One that has, and that nobody has asked for its exit code yet, is none. */
export function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // The program's name stands in parentheses, and may hold any character.
      const stat = text(`/proc/${name}/stat`);
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === undefined || group === undefined || /[ZX]/.test(state)) return [];
      const command = text(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      return [
        { pid: Number(name), group: Number(group), command, environment: text(`/proc/${name}/environ`) },
      ];
    });
}

export function isAlive(pid: number): boolean {
  return processes().some((process) => process.pid === pid);
}

/** Waits for a number that a program writes into a file, with a line feed. */
export async function numberIn(file: string): Promise<number> {
  for (;;) {
    const written = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (written.endsWith("\n")) return Number(written);
    await sleep(5);
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it has ended
  }
}
