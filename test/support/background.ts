import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Background extends AsyncDisposable {
  readonly pid: number;
  /** What it has printed so far. */
  log(): string;
  /** Ends it and all that it started; may be called again. */
  stop(): Promise<void>;
}

export interface BackgroundOptions {
  /** The whole environment: servers must not pick up settings of the machine they are tested on. */
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Called again and again until it answers true. */
  readonly isReady: () => Promise<boolean>;
  /** How long it may take to end by itself after SIGTERM, in milliseconds. */
  readonly grace?: number;
}

/** Starts a server and waits until it is ready. Rejects, with what it printed, when it ends or takes a minute. */
export async function startInBackground(
  program: string,
  args: readonly string[],
  options: BackgroundOptions,
): Promise<Background> {
  const log = openSync(options.logFile, "a");
  // On Linux the kernel ends the server when this process goes away without a chance to do so.
  const [command, ...rest] =
    process.platform === "linux" ? ["setpriv", "--pdeathsig", "TERM", program, ...args] : [program, ...args];
  const child = spawn(command, rest, {
    env: options.env,
    detached: true,
    stdio: ["ignore", log, log],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  });
  closeSync(log);
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} did not start`);
  const readLog = (): string => readFileSync(options.logFile, "utf8");

  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= endTree(child, pid, options.grace ?? 5_000));
  const deadline = Date.now() + 60_000;
  while (!(await options.isReady())) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || Date.now() > deadline) {
      await stop();
      throw new Error(`${program} ${ended ? "ended" : "did not get ready"}\n${readLog()}`);
    }
    await sleep(20);
  }
  child.unref();
  return { pid, log: readLog, stop, [Symbol.asyncDispose]: stop };
}

/** Killing the process group is not enough: `nix-daemon` gives each connection's process a session of its own. */
async function endTree(child: ChildProcess, pid: number, grace: number): Promise<void> {
  const ended = child.exitCode !== null || child.signalCode !== null;
  const offspring = descendants(pid);
  if (!ended) {
    child.ref();
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), grace);
    await exit;
    clearTimeout(timer);
  }
  for (const target of [-pid, ...offspring]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Already gone.
    }
  }
}

function descendants(ancestor: number): number[] {
  if (process.platform !== "linux") return [];
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // The command's name stands in parentheses and may itself hold some; the parent is the second field after it.
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It ended while the list was read.
    }
  }
  const found: number[] = [];
  const todo = [ancestor];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    const mine = children.get(pid) ?? [];
    found.push(...mine);
    todo.push(...mine);
  }
  return found;
}
