/** Whoever runs a command in namespaces, with something worth taking; and many ways to get at it from inside. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { expect } from "vitest";
import { builtFile } from "./builtFile.js";
import { mustRun, projectRoot, run, type RunResult } from "./run.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

/** What a script may know of this system: a file that is its caller's alone, a process, and the disk. */
interface Outside {
  readonly marked: string;
  readonly pid: number;
  /** Major and minor number. */
  readonly disk: string;
  readonly socket: string;
}

/** Ways out, and the commands that take them. One that leads anywhere prints what it found, or REACHED, `$reached`. */
export const ways: Record<string, (outside: Outside) => string> = {
  "the environments of processes": () => "cat /proc/*/environ /proc/*/task/*/environ",
  "the roots of processes": ({ marked }) =>
    `for root in /proc/*/root /proc/*/task/*/root; do escape use $root${marked}; done`,
  "the working folders of processes": ({ marked }) =>
    `for cwd in /proc/*/cwd; do escape use $cwd/marked; escape use $cwd/../../../../../..${marked}; done`,
  "the descriptors of processes": ({ marked }) =>
    `for fd in /proc/*/fd/* /dev/fd/*; do
      if [ -f $fd ]; then escape use $fd; fi
      if [ -d $fd ]; then escape use $fd/../../../../../..${marked}; fi
    done`,
  "descriptors that were inherited": ({ marked }) => `escape descriptors ${marked}`,
  "the folder above the root": ({ marked }) => `escape climb ${marked}`,
  "a root within the root": ({ marked }) => `escape chroot ${marked}`,
  "links to this system": ({ marked }) =>
    `ln -s ${marked} /link; escape use /link; ln -s /proc/1/root /above; escape use /above${marked}`,
  "the handle of a file system's root": ({ marked }) => `escape handles ${marked}`,
  mounts: () => "escape mount; mkdir -p /m; mount -o bind /proc/1/root /m && echo $reached a bind",
  namespaces: ({ marked }) =>
    `escape namespaces; nsenter -t 1 -m cat ${marked}; unshare -Urm mount -t proc proc /proc && echo $reached proc`,
  "the disk's device": ({ disk }) =>
    `for at in /disk /dev/disk /dev/shm/disk /tmp/disk; do mknod $at b ${disk}; head -c 1 $at && echo $reached $at; done
    for each in /dev/*; do if [ -b $each ]; then head -c 1 $each && echo $reached $each; fi; done`,
  "devices of memory": () =>
    `for at in /memory /dev/memory; do mknod $at c 1 1; head -c 1 $at && echo $reached $at; done
    head -c 1 /proc/kcore && echo $reached kcore; dmesg && echo $reached the kernel\\'s log`,
  "changing a device of this system": () =>
    "chmod 777 /dev/null && echo $reached; chown 1:1 /dev/zero && echo $reached; touch -t 197001010000 /dev/full && echo $reached",
  "looking into the first process": () => "escape processes",
  "signals to processes outside": ({ pid }) =>
    `for signal in 0 TERM KILL; do kill -$signal ${String(pid)} && echo $reached $signal; done`,
  "settings of the kernel": () =>
    `find /proc /sys -maxdepth 4 -path "/proc/[0-9]*" -prune -o -type f -print0 | xargs -0 escape writable
    pattern=$(cat /proc/sys/kernel/core_pattern); echo "$pattern" > /proc/sys/kernel/core_pattern && echo $reached
    echo h > /proc/sysrq-trigger && echo $reached sysrq`,
  "system calls that reach past namespaces": () => "escape kernel",
  "keys of the caller": () => "escape keys laminix-fence; cat /proc/keys",
  "an abstract socket": ({ socket }) => `escape abstract ${socket}`,
  "a setuid program": () => "escape setuid",
  "the program that made the namespaces": () =>
    `for exe in /proc/1/exe /proc/1/task/1/exe; do cat $exe && echo $reached; escape use $exe; done
    printf '#!/proc/self/exe\\n' > /interpreted; chmod 755 /interpreted; /interpreted`,
  "links for whoever cleans up": ({ marked }) =>
    `rmdir /tmp; ln -s ${path.dirname(marked)} /tmp; ln -s ${marked} /nix; mv /dev /away; ln -s / /dev`,
};

export interface FenceCaller {
  readonly name: string;
  readonly id: number;
}

export const fenceCallers: readonly FenceCaller[] = [
  { name: "root", id: 0 },
  { name: "an ordinary user", id: 65_534 },
];

/** Outside of the fence: a process, a socket, and callers' files, which hold a token that nobody inside may get. */
export class Outdoors implements AsyncDisposable {
  readonly token = `token-${randomBytes(16).toString("hex")}`;
  readonly folder: TemporaryFolder;
  /** The folder of `bin/escape`, which `ways` call. */
  readonly tools: string;
  readonly #socket = `laminix-fence-${randomBytes(8).toString("hex")}`;
  readonly #sleeper: ChildProcess;
  readonly #server: Server;

  private constructor(folder: TemporaryFolder) {
    this.folder = folder;
    this.tools = folder.join("tools");
    this.#sleeper = spawn("sleep", ["1000"], { stdio: "ignore" });
    this.#server = createServer((connection) => connection.end(this.token));
  }

  static async open(): Promise<Outdoors> {
    const outdoors = new Outdoors(await temporaryFolder("fence"));
    mkdirSync(path.join(outdoors.tools, "bin"), { recursive: true });
    const source = path.join(projectRoot, "test/support/escape.c");
    const flags = ["-static", "-Wall", "-Werror", "-Wno-unused-result"];
    await mustRun("cc", [...flags, "-o", path.join(outdoors.tools, "bin/escape"), source]);
    await once(outdoors.#server.listen(`\0${outdoors.#socket}`), "listening");
    return outdoors;
  }

  /** A folder of this user's, with a marked file that nobody else may read. */
  homeOf({ id }: FenceCaller, label: string): string {
    const home = this.folder.join(`${label}-${String(id)}`);
    for (const each of ["", "secret", "etc", "tmp"]) {
      mkdirSync(path.join(home, each));
      chmodSync(path.join(home, each), 0o700);
    }
    writeFileSync(path.join(home, "secret/marked"), this.token, { mode: 0o600 });
    writeFileSync(path.join(home, "etc/resolv.conf"), this.token, { mode: 0o600 });
    for (const each of ["", "secret", "secret/marked", "etc", "etc/resolv.conf", "tmp"])
      chownSync(path.join(home, each), id, id);
    return home;
  }

  /** Runs laminix; the token is in the caller's environment, keys, working folder and descriptors. */
  laminix({ id }: FenceCaller, home: string, args: readonly string[]): Promise<RunResult> {
    const bin = path.join(projectRoot, "dist/bundled/laminix.js");
    const caller = 'cd "$1/secret"; exec 9<>marked; shift; exec "$@"';
    const keyed = [path.join(this.tools, "bin/escape"), "hold-key", "laminix-fence", process.execPath, bin];
    return run("sh", ["-c", caller, "sh", home, ...keyed, ...args], {
      ...{ uid: id, gid: id },
      env: { FENCE_TOKEN: this.token, HOME: home, TMPDIR: path.join(home, "tmp"), LAMINIX_CACHE_DIR: home },
    });
  }

  /**
   * Tries every way, and checks that none led anywhere.
   * @param tryAll runs a script inside
   * @returns what it printed there
   */
  async expectFenced(home: string, tryAll: (script: string) => Promise<RunResult>): Promise<string[]> {
    const marked = path.join(home, "secret/marked");
    const enter = builtFile("laminix-enter");
    const program = readFileSync(enter);
    const pattern = readFileSync("/proc/sys/kernel/core_pattern");
    const tried = Object.entries(ways).map(
      ([name, commands]) =>
        `echo; echo "-- ${name}"; (set +e; ${commands(this.#outside(marked))}) 2>&1 || true`,
    );
    const script = ["reached=REACH; reached=${reached}ED", ...tried, "echo; echo -- done"].join("\n");
    const result = await tryAll(script);
    const lines = [...result.stdout.toString().split("\n"), ...result.stderr.split("\n")];
    expect(lines.filter((line) => line.includes("REACHED") || line.includes(this.token))).toEqual([]);
    expect(result.code).toBe(0);
    expect(readdirSync(path.dirname(marked))).toEqual(["marked"]);
    expect(readFileSync(marked, "utf8")).toBe(this.token);
    expect(statSync(marked).mode & 0o777).toBe(0o600);
    expect(readFileSync("/proc/sys/kernel/core_pattern")).toEqual(pattern);
    expect(readFileSync(enter).equals(program)).toBe(true);
    expect(this.#sleeper.exitCode).toBeNull();
    expect(readdirSync(path.join(home, "tmp"))).toEqual([]);
    return lines;
  }

  #outside(marked: string): Outside {
    const { dev } = statSync(marked, { bigint: true });
    const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)];
    return {
      ...{ marked, pid: this.#sleeper.pid!, socket: this.#socket },
      disk: `${String(major)} ${String(minor)}`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sleeper.kill();
    this.#server.close();
    await this.folder[Symbol.asyncDispose]();
  }
}
