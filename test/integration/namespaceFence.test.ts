import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archiveOf, tarOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot, run, type RunResult } from "../support/run.js";
import { startLaminix } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** What a script may know of this system: a file that is its caller's alone, a process, and the disk. */
interface Outside {
  readonly marked: string;
  readonly pid: number;
  /** Major and minor number. */
  readonly disk: string;
  readonly socket: string;
}

/** Ways out, and the commands that take them. One that leads anywhere prints what it found, or REACHED, `$reached`. */
const ways: Record<string, (outside: Outside) => string> = {
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

interface Caller {
  readonly name: string;
  readonly id: number;
}

describeWith(["unshare", "busybox", "root", "cc"], "from the namespaces of a script", () => {
  let folder: TemporaryFolder;
  let sleeper: ChildProcess;
  let server: Server;
  const token = `token-${randomBytes(16).toString("hex")}`;
  const socket = `laminix-fence-${randomBytes(8).toString("hex")}`;
  const enter = path.join(projectRoot, "build/Release/laminix-enter");

  beforeAll(async () => {
    folder = await temporaryFolder("fence");
    const unused = `/nix/store/${"0".repeat(32)}-unused`;
    const graph = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
    writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
    mkdirSync(folder.join("tools/bin"), { recursive: true });
    const source = path.join(projectRoot, "test/support/escape.c");
    const flags = ["-static", "-Wall", "-Werror", "-Wno-unused-result"];
    await mustRun("cc", [...flags, "-o", folder.join("tools/bin/escape"), source]);
    sleeper = spawn("sleep", ["1000"], { stdio: "ignore" });
    server = createServer((connection) => connection.end(token));
    await once(server.listen(`\0${socket}`), "listening");
  });
  afterAll(async () => {
    sleeper.kill();
    server.close();
    await folder[Symbol.asyncDispose]();
  });

  /** A folder of this user's, with a marked file that nobody else may read. */
  function homeOf({ id }: Caller, label: string): string {
    const home = folder.join(`${label}-${String(id)}`);
    for (const each of ["", "secret", "etc", "tmp"]) {
      mkdirSync(path.join(home, each));
      chmodSync(path.join(home, each), 0o700);
    }
    writeFileSync(path.join(home, "secret/marked"), token, { mode: 0o600 });
    writeFileSync(path.join(home, "etc/resolv.conf"), token, { mode: 0o600 });
    for (const each of ["", "secret", "secret/marked", "etc", "etc/resolv.conf", "tmp"])
      chownSync(path.join(home, each), id, id);
    return home;
  }

  /** Builds an image with a script; the token is in the caller's environment, keys, working folder and descriptors. */
  function build(
    { id }: Caller,
    home: string,
    spec: object,
    flags: readonly string[] = [],
  ): Promise<RunResult> {
    writeFileSync(path.join(home, "spec.json"), JSON.stringify({ name: "fenced", ...spec }), { mode: 0o644 });
    const files = ["-o", path.join(home, "image.tar"), path.join(home, "spec.json")];
    const bin = path.join(projectRoot, "dist/cli/bin.js");
    const args = ["build-image", "--graph", folder.join("graph.json"), "--isolation", "namespace", ...flags];
    const caller = 'cd "$1/secret"; exec 9<>marked; shift; exec "$@"';
    const keyed = [folder.join("tools/bin/escape"), "hold-key", "laminix-fence", process.execPath, bin];
    return run("sh", ["-c", caller, "sh", home, ...keyed, ...args, ...files], {
      ...{ uid: id, gid: id },
      env: { FENCE_TOKEN: token, HOME: home, TMPDIR: path.join(home, "tmp"), LAMINIX_CACHE_DIR: home },
    });
  }

  const callers: Caller[] = [
    { name: "root", id: 0 },
    { name: "an ordinary user", id: 65_534 },
  ];

  test.each(callers)("none of many ways leads out, run by $name", async (caller) => {
    const home = homeOf(caller, "ways");
    const marked = path.join(home, "secret/marked");
    const { dev } = statSync(marked, { bigint: true });
    const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)];
    const outside: Outside = {
      ...{ marked, pid: sleeper.pid!, socket },
      disk: `${String(major)} ${String(minor)}`,
    };
    const program = readFileSync(enter);
    const pattern = readFileSync("/proc/sys/kernel/core_pattern");
    const tried = Object.entries(ways).map(
      ([name, commands]) => `echo; echo "-- ${name}"; (set +e; ${commands(outside)}) 2>&1 || true`,
    );
    const result = await build(caller, home, {
      copyToRoot: folder.join("tools"),
      runAsRoot: ["reached=REACH; reached=${reached}ED", ...tried, "echo; echo -- done"].join("\n"),
    });
    const lines = result.stderr.split("\n");
    expect(lines.filter((line) => line.includes("REACHED") || line.includes(token))).toEqual([]);
    expect(lines).toEqual(
      expect.arrayContaining([...Object.keys(ways), "done"].map((name) => `runAsRoot> -- ${name}`)),
    );
    expect(result.code).toBe(0);
    expect(readdirSync(path.dirname(marked))).toEqual(["marked"]);
    expect(readFileSync(marked, "utf8")).toBe(token);
    expect(statSync(marked).mode & 0o777).toBe(0o600);
    expect(readFileSync("/proc/sys/kernel/core_pattern")).toEqual(pattern);
    expect(readFileSync(enter).equals(program)).toBe(true);
    expect(sleeper.exitCode).toBeNull();
    expect(readdirSync(path.join(home, "tmp"))).toEqual([]);
  });

  /** Names in the image's one layer. */
  async function namesIn(home: string): Promise<string[]> {
    const image = path.join(home, "image.tar");
    const { stdout } = await mustRun("sh", [
      "-c",
      'tar -xOf "$1" --wildcards "*/layer.tar" | tar t',
      "sh",
      image,
    ]);
    return stdout.toString().trim().split("\n");
  }

  test.each(callers)(
    "an /etc that is a link leads nowhere but into the image, run by $name",
    async (caller) => {
      const home = homeOf(caller, "links");
      const foreign = path.join(home, "etc");
      const before = statSync(foreign).mtimeMs;
      const base = async (name: string, linkname: string): Promise<string> => {
        const items = [
          { name: "config/", type: "directory" as const },
          { name: "etc", type: "symlink" as const, linkname },
        ];
        writeFileSync(path.join(home, name), await archiveOf({ layers: [await tarOf(items)] }));
        return path.join(home, name);
      };
      const abroad = await base("abroad.tar", foreign);
      const seen = "if [ -e /etc/resolv.conf ]; then echo found; else echo none; fi; touch /made";
      const none = await build(caller, home, { fromImage: abroad, runAsRoot: seen }, ["--network"]);
      expect(none).toMatchObject({ code: 0, stderr: expect.stringContaining("runAsRoot> none") as string });
      const within = await base("within.tar", "../../config");
      const found = await build(caller, home, { fromImage: within, runAsRoot: seen }, ["--network"]);
      expect(found).toMatchObject({ code: 0, stderr: expect.stringContaining("runAsRoot> found") as string });
      // Its layer, on top of the base's.
      expect((await namesIn(home)).filter((name) => name.includes("resolv.conf"))).toEqual([]);
      // Of the upper tree, so that it can be moved with what is mounted in it.
      mkdirSync(path.join(home, "plain/etc"), { recursive: true });
      writeFileSync(path.join(home, "plain/etc/hosts"), "");
      const moving = `ls /etc; mv /etc /moved; ln -s ${foreign} /etc; rmdir /tmp; ln -s ${foreign} /tmp`;
      const copied = { copyToRoot: path.join(home, "plain"), runAsRoot: moving };
      const moved = await build(caller, home, copied, ["--network"]);
      expect(moved).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("runAsRoot> resolv.conf") as string,
      });
      expect(readFileSync(path.join(foreign, "resolv.conf"), "utf8")).toBe(token);
      expect(readdirSync(foreign)).toEqual(["resolv.conf"]);
      expect(statSync(foreign).mtimeMs).toBe(before);
    },
  );

  test("a script ends with the process that started it, though that is killed", async () => {
    const spec = folder.join("endless.json");
    const seconds = String(1e6 + Math.floor(Math.random() * 1e6));
    const runAsRoot = `sleep ${seconds} & echo started; sleep ${seconds}`;
    writeFileSync(spec, JSON.stringify({ name: "endless", runAsRoot }));
    const files = ["--graph", folder.join("graph.json"), "-o", folder.join("endless.tar"), spec];
    mkdirSync(folder.join("endless"));
    await using started = startLaminix(["build-image", "--isolation", "namespace", ...files], {
      env: { TMPDIR: folder.join("endless") },
      stdout: "pipe",
    });
    await started.says(/started/);
    const isRunning = async (): Promise<boolean> => {
      const { stdout } = await run("/bin/ps", ["-eo", "args"]);
      return stdout.toString().includes(`sleep ${seconds}\n`);
    };
    expect(await isRunning()).toBe(true);
    started.child.kill("SIGKILL");
    while (await isRunning()) await sleep(20);
    expect(await started.ended).toEqual([null, "SIGKILL"]);
  });
});
