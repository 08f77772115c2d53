/** A store with a shell in it, and users who run containers over it. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import type { ContainerOptions, ImageSpec } from "../../dist/index.js";
import { type NixStore, startNixStore, type TreeOptions } from "./nixStore.js";
import { type Process, processes } from "./processes.js";
import { mustRun, projectRoot, run, type RunOptions, type RunResult } from "./run.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

/** What tests of containers need. */
export const CONTAINER_NEEDS = ["root", "unshare", "busybox", "nix-daemon", "cc", "setpriv"] as const;

/** Whose containers run. */
export interface Caller {
  readonly name: string;
  readonly id: number;
  readonly hasSubordinates: boolean;
}

export const ROOT: Caller = { name: "root", id: 0, hasSubordinates: false };
export const USER: Caller = { name: "an ordinary user", id: 65_534, hasSubordinates: false };
export const callers: readonly Caller[] = [
  ROOT,
  USER,
  { name: "a user with subordinate ids", id: 65_534, hasSubordinates: true },
];

export interface LaminixOptions extends RunOptions {
  /** Before the program, in the command line: one that runs it. */
  readonly through?: readonly string[];
  /** In place of laminix: a program that runs it. */
  readonly instead?: readonly string[];
}

/** busybox in a store path: `bin/busybox`, and links to it. */
export async function addBusybox(
  store: NixStore,
  name = "busybox-1",
  options: TreeOptions = {},
): Promise<string> {
  const applets = (await mustRun("busybox", ["--list"])).stdout.toString().trim().split("\n");
  return store.addTree(
    name,
    (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      copyFileSync("/bin/busybox", `${place}/bin/busybox`);
      for (const applet of applets)
        if (applet !== "busybox") symlinkSync("busybox", `${place}/bin/${applet}`);
    },
    options,
  );
}

/** A spec, without what all have; or an image's place. */
export type Job = readonly [subject: Partial<ImageSpec> | string, options: ContainerOptions];

/** What a container of a job has printed, and how it ended. */
export interface ContainerResult {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly notes?: readonly object[];
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

const BATCH = path.join(projectRoot, "test/support/runContainers.js");
const BIN = path.join(projectRoot, "dist/bundled/laminix.js");

export class ContainerScene implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly store: NixStore;
  /** A store path. */
  readonly busybox: string;

  private constructor(folder: TemporaryFolder, store: NixStore, busybox: string) {
    this.folder = folder;
    this.store = store;
    this.busybox = busybox;
  }

  /** @param storeDir the store's directory as containers have it, where that is not where the files are */
  static async open({ storeDir }: { readonly storeDir?: string } = {}): Promise<ContainerScene> {
    const folder = await temporaryFolder("containers");
    const store = await startNixStore(storeDir === undefined ? {} : { storeDir });
    const scene = new ContainerScene(folder, store, await addBusybox(store));
    mkdirSync(folder.join("bin"));
    const source = path.join(projectRoot, "test/support/newidmap.c");
    for (const name of ["newuidmap", "newgidmap"]) {
      await mustRun("cc", ["-Wall", "-Werror", "-o", folder.join("bin", name), source]);
      chmodSync(folder.join("bin", name), 0o4755);
    }
    writeFileSync(folder.join("ids"), "65534:100000:65536\n");
    for (const caller of callers) {
      for (const place of ["", "tmp", "cache"]) {
        mkdirSync(path.join(scene.homeOf(caller), place));
        chownSync(path.join(scene.homeOf(caller), place), caller.id, caller.id);
      }
    }
    return scene;
  }

  /** The store, and where its files are. */
  get uri(): string {
    const { uri, root, storeDir, realStoreDir } = this.store;
    return storeDir === realStoreDir ? uri : `${uri}?root=${root}`;
  }

  /** The caller's own folder; its temporary files are in `tmp`, its cache in `cache`. */
  homeOf({ name }: Caller): string {
    return this.folder.join(name.replaceAll(" ", "-"));
  }

  /** A spec's file. */
  spec(name: string, spec: object): string {
    const file = this.folder.join(`${name}.json`);
    writeFileSync(file, JSON.stringify({ name: "app", contents: this.busybox, ...spec }));
    return file;
  }

  /** Runs laminix to its end, as this caller. */
  laminix(caller: Caller, args: readonly string[], options: LaminixOptions = {}): Promise<RunResult> {
    const { through = [], ...rest } = options;
    const [program, ...more] = this.#as(caller, [...through, process.execPath, BIN, ...args]);
    return run(program, more, {
      ...{ cwd: this.homeOf(caller), ...rest },
      env: { ...this.#environment(caller), ...options.env },
    });
  }

  /** Runs a shell's script in a container. */
  sh(
    caller: Caller,
    script: string,
    flags: readonly string[] = [],
    options?: LaminixOptions,
  ): Promise<RunResult> {
    return this.laminix(caller, ["run", this.busybox, ...flags, "--", "sh", "-c", script], options);
  }

  /** Runs containers one after another, in one process of this caller's: much sooner than by as many command lines. */
  async containers(caller: Caller, jobs: readonly Job[]): Promise<ContainerResult[]> {
    const [program, ...args] = this.#as(caller, [process.execPath, BATCH]);
    const { stdout } = await mustRun(program, args, {
      ...{ cwd: this.homeOf(caller), env: this.#environment(caller) },
      input: JSON.stringify(jobs.map(([subject, options]) => [this.#subject(subject), options])),
    });
    const lines = stdout.toString().trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as ContainerResult);
  }

  /** Starts laminix, as this caller; its input and output are pipes. */
  start(
    caller: Caller,
    args: readonly string[],
    { through = [], instead, env }: LaminixOptions = {},
  ): ChildProcess {
    const [program, ...more] = this.#as(caller, instead ?? [...through, process.execPath, BIN, ...args]);
    return spawn(program, more, {
      ...{ cwd: this.homeOf(caller), stdio: "pipe" },
      env: { ...process.env, ...this.#environment(caller), ...env },
    });
  }

  /** What containers have left behind, other than in the cache: processes, folders and mounts. */
  async remains(caller: Caller): Promise<string[]> {
    const mounts = (await mustRun("cat", ["/proc/self/mountinfo"])).stdout.toString().split("\n");
    const home = this.homeOf(caller);
    return [
      ...readdirSync(path.join(home, "tmp")),
      ...mounts.filter((line) => line.includes(home)),
      ...this.processesOf(caller).map(({ command }) => command),
    ];
  }

  /** All that was started by this caller's laminix, or by what that has started. */
  processesOf(caller: Caller): Process[] {
    const home = this.homeOf(caller);
    return processes().filter(({ command }) => command.includes(home));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }

  #subject(subject: Job[0]): ImageSpec | string {
    return typeof subject === "string" ? subject : { name: "app", contents: this.busybox, ...subject };
  }

  #environment(caller: Caller): Record<string, string | undefined> {
    const home = this.homeOf(caller);
    return {
      ...{ HOME: home, TMPDIR: path.join(home, "tmp"), LAMINIX_CACHE_DIR: path.join(home, "cache") },
      NIX_REMOTE: this.uri,
      ...(caller.hasSubordinates && { PATH: `${this.folder.join("bin")}:${process.env["PATH"] ?? ""}` }),
    };
  }

  /** A command line, run by this caller. */
  #as({ id, hasSubordinates }: Caller, command: readonly string[]): [program: string, ...args: string[]] {
    const user = ["setpriv", "--reuid", String(id), "--regid", String(id), "--clear-groups", ...command];
    if (!hasSubordinates) return ["setpriv", ...user.slice(1)];
    const ids = 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && shift && exec "$@"';
    return ["unshare", "--mount", "sh", "-c", ids, "sh", this.folder.join("ids"), ...user];
  }
}
