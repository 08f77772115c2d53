/**
 * A small process that outlives this one by a moment. It reads from a pipe which process groups this process has started,
 * and ends those that are left when the pipe does, which the end of this process brings about whatever its cause; then
 * what carries this process's mark. `PR_SET_PDEATHSIG` would end a child with the thread that started it, and Linux alone
 * has it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";

/**
 * POSIX shell. Its arguments: this process's number, for those who look at a list of processes, and the mark. Looking for
 * that, it ends what it finds until there is no more.
 */
const SCRIPT = [
  "trap '' HUP INT TERM",
  "groups=' '",
  "while read -r what group; do",
  "  case $what in",
  '    hold) groups="$groups$group " ;;',
  '    release) groups="${groups%% $group *} ${groups#* $group }" ;;',
  "    idle) exit ;;",
  "  esac",
  "done",
  'for group in $groups; do kill -s KILL -- "-$group"; done',
  "for attempt in 1 2 3 4 5 6 7 8 9 10; do",
  '  found=$(grep -ls -e "$2" /proc/[0-9]*/environ)',
  '  [ -n "$found" ] || exit',
  '  for file in $found; do file=${file#/proc/}; kill -s KILL "${file%/environ}"; done',
  "done 2>/dev/null",
].join("\n");

/** Milliseconds that it is kept without a group to watch. */
const IDLE = 500;

export class Watcher {
  #process: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  readonly #groups = new Set<number>();
  readonly #mark: string;

  /** @param mark a text without special characters, in the environment of what is to be ended wherever it is */
  constructor(mark: string) {
    this.#mark = mark;
  }

  get groups(): ReadonlySet<number> {
    return this.#groups;
  }

  /** To be called before a group is started, so that it can be told of at once. */
  wake(): void {
    this.#process ??= this.#start();
    if (this.#groups.size === 0) this.#rest();
  }

  hold(group: number): void {
    clearTimeout(this.#idle);
    this.#groups.add(group);
    this.#tell("hold", group);
  }

  /** To be called before the group's number can be another's. */
  release(group: number): void {
    if (!this.#groups.delete(group)) return;
    this.#tell("release", group);
    if (this.#groups.size === 0) this.#rest();
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#process?.stdin?.end("idle\n");
      this.#process = undefined;
    }, IDLE).unref();
  }

  #start(): ChildProcess {
    const child = spawn("/bin/sh", ["-c", SCRIPT, "laminix-watcher", String(process.pid), this.#mark], {
      // In a session of its own, where no terminal's signal gets.
      ...{ detached: true, cwd: "/", env: { PATH: process.env.PATH } },
      stdio: ["pipe", "ignore", "ignore"],
    });
    const over = (): void => {
      if (this.#process === child) this.#process = undefined;
    };
    // Where it cannot be had, programs end with this process only where that ends by itself.
    child.once("error", over).once("exit", over);
    child.unref();
    // Absent, whatever the types say, where there are no descriptors left.
    const stdin = child.stdin as (Writable & { unref(): void }) | undefined;
    stdin?.on("error", over);
    stdin?.unref(); // it is a socket
    for (const group of this.#groups) stdin?.write(`hold ${String(group)}\n`);
    return child;
  }

  /** Node writes so few bytes to a pipe at once. */
  #tell(what: "hold" | "release", group: number): void {
    this.#process?.stdin?.write(`${what} ${String(group)}\n`);
  }
}
