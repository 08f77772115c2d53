import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ContainerOptions, ImageSpec } from "../../dist/index.js";
import {
  type Caller,
  callers,
  CONTAINER_NEEDS,
  type ContainerResult,
  ContainerScene,
  type Job,
  USER,
} from "../support/containers.js";
import { processes } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";

/** Processes with this command line, in whichever namespace. */
const running = (command: string): number[] =>
  processes().flatMap((each) => (each.command === command ? each.pid : []));

const sh = (script: string, options: ContainerOptions = {}): Job => [
  {},
  { command: ["sh", "-c", script], ...options },
];

describeWith(CONTAINER_NEEDS, "a container", () => {
  let scene: ContainerScene;

  beforeAll(async () => {
    scene = await ContainerScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const caller of callers) expect(await scene.remains(caller)).toEqual([]);
  });

  /** What each prints; with its exit code where that is not 0, or its error. */
  async function printed(caller: Caller, ...jobs: readonly Job[]): Promise<string[]> {
    return (await scene.containers(caller, jobs)).map(
      ({ code, stdout = "", stderr = "", error }: ContainerResult) =>
        `${stdout}${stderr}${error ? `${error.code} ${error.message}` : code === 0 ? "" : `ended with ${String(code)}`}`,
    );
  }

  describe.each(callers)("of $name", (caller) => {
    test("runs what its configuration says", async () => {
      const spec = { config: { Entrypoint: ["echo", "one"], Cmd: ["two", ""] } };
      expect(
        await printed(
          caller,
          [spec, {}],
          [spec, { command: ["three", "a b"] }],
          [spec, { command: [] }],
          [spec, { entrypoint: ["pwd"] }],
          [spec, { entrypoint: ["echo", "new"], command: ["--last"] }],
          [spec, { entrypoint: [], command: ["echo", "alone"] }],
          [{}, {}],
        ),
      ).toEqual([
        ...["one two \n", "one three a b\n", "one\n", "/\n", "new --last\n", "alone\n"],
        "ERR_MOUNT there is nothing to run: the image has neither Cmd nor Entrypoint",
      ]);
    });

    test("has the image's environment, and what is added", async () => {
      const config = { Cmd: ["env"], Env: ["A=1", "PATH=/bin", "HOME=/there", "A=2", "B=x=y"] };
      const results = await printed(
        caller,
        [{ config }, {}],
        [{ config }, { env: ["A=3", "EMPTY=", "B=z"] }],
        [{}, { command: ["env"] }],
      );
      expect(results.map((text) => text.trim().split("\n").sort())).toEqual([
        ["A=2", "B=x=y", "HOME=/there", "PATH=/bin"],
        ["A=3", "B=z", "EMPTY=", "HOME=/there", "PATH=/bin"],
        ["HOME=/", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      ]);
    });

    test("works in its working folder, which is made", async () => {
      const spec: Partial<ImageSpec> = { config: { Cmd: ["pwd"], WorkingDir: "/srv/app" } };
      expect(
        await printed(
          caller,
          [spec, {}],
          [spec, { workdir: "/x/y" }],
          [spec, { workdir: "/x", readOnly: true }],
          [{ ...spec, extraCommands: "mkdir -p real && ln -s real srv" }, {}],
          [{ ...spec, extraCommands: "touch srv" }, {}],
          [{ ...spec, extraCommands: "ln -s srv srv" }, {}],
        ),
      ).toEqual([
        ...["/srv/app\n", "/x/y\n", "/x\n", "/real/app\n"],
        "ERR_MOUNT the container cannot be started: the image has a file on the way to /srv/app",
        "ERR_MOUNT the container cannot be started: the image has links that lead in circles on the way to /srv/app",
      ]);
    });

    test("changes its own files, and no other's", async () => {
      expect(
        await printed(
          caller,
          sh("echo x >/new && rm /bin/tac && mkdir /etc && cat /new && test ! -e /bin/tac"),
          sh("ls / /bin/tac; find / -xdev -newer /proc/self -type f"),
        ),
      ).toEqual(["x\n", "/bin/tac\n\n/:\nbin\ndev\nproc\nsys\ntmp\n"]);
    });

    test("ends as its command does", async () => {
      const results = await scene.containers(caller, [
        ...[sh("exit 0"), sh("exit 7"), sh("exit 255"), sh("kill -KILL $$"), sh("kill -SEGV $$")],
        [{}, { command: ["nothing-like-it"] }],
        [{}, { command: ["/bin"] }],
      ]);
      expect(results.map(({ code, stderr }) => [code, stderr])).toEqual([
        ...[0, 7, 255, 137, 139].map((code) => [code, ""]),
        [127, "nothing-like-it cannot be run: No such file or directory\n"],
        [126, "/bin cannot be run: Permission denied\n"],
      ]);
    });

    test("can be read-only, but for /tmp", async () => {
      const script =
        "for at in / /bin /tmp /dev/shm /etc /proc /sys /dev; do touch $at/x 2>/dev/null && echo $at; done; true";
      const spec = { extraCommands: "mkdir etc", config: { Cmd: ["sh", "-c", script] } };
      expect(await printed(caller, [spec, {}], [spec, { readOnly: true }])).toEqual([
        "/\n/bin\n/tmp\n/dev/shm\n/etc\n/dev\n",
        "/tmp\n/dev/shm\n/dev\n",
      ]);
    });

    test("leaves none of what it has started", async () => {
      const daemons =
        "for i in 1 2 3; do (setsid sleep 987654 &) ; done; nohup sleep 987654 >/dev/null 2>&1 & exit 3";
      const many = "i=0; while [ $i -lt 200 ]; do sleep 987654 & i=$((i+1)); done; jobs | wc -l";
      expect(await printed(caller, sh(daemons), sh(many))).toEqual(["ended with 3", "200\n"]);
      expect(running("sleep 987654")).toEqual([]);
    });

    test("reads standard input, and writes as much as there is", async () => {
      const input = Buffer.alloc(3_000_000, "0123456789abcdef");
      const args = ["run", scene.busybox, "--", "cat"];
      const echoed = await scene.laminix(caller, args, { input });
      expect(echoed.stdout.equals(input)).toBe(true);
      let size = 0;
      const zeros = "dd if=/dev/zero bs=1M count=100 2>/dev/null; echo $? >&2";
      const large = await scene.sh(caller, zeros, [], { onStdout: (chunk) => (size += chunk.length) });
      expect([size, large.stderr]).toEqual([100 << 20, "0\n"]);
    });

    test("hears the signals that laminix is sent", async () => {
      const names = ["TERM", "INT", "USR1", "USR2", "HUP", "WINCH", "QUIT"];
      const traps = names.map((name) => `trap 'echo heard ${name}' ${name}`).join("; ");
      const script = `${traps}; trap 'exit 9' ALRM; echo ready; while :; do sleep 0.02; done`;
      const child = scene.start(caller, ["run", scene.busybox, "--", "sh", "-c", script]);
      let output = "";
      child.stdout?.setEncoding("utf8").on("data", (piece: string) => (output += piece));
      const says = async (line: string): Promise<void> => {
        while (!output.includes(`${line}\n`)) await sleep(5);
      };
      await says("ready");
      for (const name of names) {
        child.kill(`SIG${name}` as NodeJS.Signals);
        await says(`heard ${name}`);
      }
      child.kill("SIGALRM");
      expect(await once(child, "close")).toEqual([9, null]);
      expect(output).toBe(["ready", ...names.map((name) => `heard ${name}`), ""].join("\n"));
    });

    test("ends with laminix, though that is killed", async () => {
      const seconds = String(1e6 + Math.floor(Math.random() * 1e6));
      const script = `setsid sleep ${seconds} & trap '' TERM INT HUP; sleep ${seconds}`;
      const child = scene.start(caller, ["run", scene.busybox, "--", "sh", "-c", script]);
      while (running(`sleep ${seconds}`).length < 2) await sleep(10);
      child.kill("SIGKILL");
      while (running(`sleep ${seconds}`).length > 0 || scene.processesOf(caller).length > 0) await sleep(10);
      // The folder that it leaves goes with the next start.
      await printed(caller, sh("true"));
    });
  });

  describe("as a user", () => {
    const cases: [user: string, uid: number, gid: number, groups: string, home: string][] = [
      ["", 0, 0, "0", "/root"],
      ["web", 33, 34, "34 35", "/srv"],
      ["33", 33, 34, "34 35", "/srv"],
      ["web:mail", 33, 36, "36", "/srv"],
      ["web:5", 33, 5, "5", "/srv"],
      ["1000", 1000, 0, "0", "/"],
      ["1000:1001", 1000, 1001, "1001", "/"],
      ["7", 99, 98, "98", "/seven"],
      ["0:34", 0, 34, "34", "/root"],
    ];
    const script = "id -u; id -g; id -G; echo $HOME; touch /tmp/x && echo >/dev/null";
    let contents: string[];

    beforeAll(async () => {
      const accounts = await scene.store.addTree("accounts", (place) => {
        mkdirSync(`${place}/etc`, { recursive: true });
        const users = "root:x:0:0::/root:\nweb:x:33:34::/srv:\n7:x:99:98::/seven:\nbroken\n\n:::\n";
        writeFileSync(`${place}/etc/passwd`, users);
        writeFileSync(`${place}/etc/group`, "root:x:0:\nweb:x:34:\nlog:x:35:web,other\nmail:x:36:other\n");
      });
      contents = [scene.busybox, accounts];
    });

    test.each(callers)("has that user's id, groups and home, run by $name", async (caller) => {
      const asked = cases.flatMap(([user]): Job[] => [
        [{ contents, config: { User: user, Cmd: ["sh", "-c", script] } }, {}],
        [{ contents, config: { User: "1:1", Cmd: ["sh", "-c", script] } }, { user }],
      ]);
      const wanted = cases.flatMap(([, uid, gid, groups, home]) => {
        // Where there is a single user there is a single group.
        const all = caller === USER ? String(gid) : groups;
        const lines = [String(uid), String(gid), all, home];
        return [lines, lines];
      });
      const results = await printed(caller, ...asked);
      const ids = (lines: string[]): string[] => (caller === USER ? lines.toSpliced(2, 1, "") : lines);
      expect(results.map((text) => ids(text.trim().split("\n").slice(0, 4)))).toEqual(wanted.map(ids));
    });

    test.each(callers)("cannot be one that is not there, run by $name", async (caller) => {
      const none = "ERR_MOUNT the container cannot be started: the image has no";
      const users = ["nobody", "web:none", "-1", "99999999999"];
      expect(
        await printed(caller, ...users.map((user): Job => [{ contents }, { user, command: ["id"] }])),
      ).toEqual([
        `${none} user nobody in /etc/passwd`,
        `${none} group none in /etc/group`,
        `${none} user -1 in /etc/passwd`,
        `${none} user 99999999999 in /etc/passwd`,
      ]);
    });

    test("cannot be one that no subordinate id is for", async () => {
      const [result] = await scene.containers(callers[2]!, [[{}, { user: "70000", command: ["id"] }]]);
      expect(result?.error).toEqual({
        code: "ERR_MOUNT",
        message: "the container cannot be started: the user 70000 is not mapped here",
        hint: expect.stringContaining("subuid") as string,
      });
    });

    test.each(callers)("can do no more than such a user, run by $name", async (caller) => {
      const attempts = "chown 5 /tmp; chroot / true; cat /proc/1/environ; grep Cap /proc/self/status";
      const [text = ""] = await printed(caller, sh(`(${attempts}) 2>&1`, { user: "1000:1000" }));
      const capabilities = [...text.matchAll(/Cap(Inh|Prm|Eff|Amb):\t(\w+)/g)].map(([, , value]) =>
        Number(value),
      );
      expect(capabilities).toEqual([0, 0, 0, 0]);
      for (const denied of [
        /chown: .*(Invalid|not permitted)/,
        /chroot: can't/,
        /environ': Permission denied/,
      ])
        expect(text).toMatch(denied);
    });
  });
});
