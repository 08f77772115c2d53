import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openStore, startContainer } from "../../dist/index.js";
import {
  addBusybox,
  type Caller,
  callers,
  CONTAINER_NEEDS,
  ContainerScene,
  type Job,
  ROOT,
  USER,
} from "../support/containers.js";
import { failureOf } from "../support/failure.js";
import { isAlive, processes } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot } from "../support/run.js";

describeWith(CONTAINER_NEEDS, "what a container has of this system", () => {
  let scene: ContainerScene;

  beforeAll(async () => {
    scene = await ContainerScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const caller of callers) expect(await scene.remains(caller)).toEqual([]);
  });

  /** A folder of this caller's. */
  function folderOf(caller: Caller, name: string): string {
    const folder = path.join(scene.homeOf(caller), name);
    mkdirSync(path.join(folder, "inner"), { recursive: true });
    writeFileSync(path.join(folder, "file"), "of the caller\n");
    for (const each of [folder, `${folder}/inner`, `${folder}/file`]) chownSync(each, caller.id, caller.id);
    return folder;
  }

  test.each(callers)("are volumes, run by $name", async (caller) => {
    const source = folderOf(caller, "volume");
    const file = `${source}/file`;
    const script = `
      echo new >/data/made && cat /file
      (echo x >/file) 2>/dev/null || echo read-only
      (echo x >/data/nested/x) 2>/dev/null || echo read-only
      ls /data /data/nested /link/there
      mkdir /data/mode && chmod 4755 /data/mode`;
    const spec = { extraCommands: "mkdir real && ln -s real link" };
    const volumes = [
      { source: `${source}/inner`, target: "/data/nested/", readOnly: true },
      { source, target: "//data" },
      { source: file, target: "/file", readOnly: true },
      { source: `${source}/inner`, target: "/link/there" },
    ];
    const [result] = await scene.containers(caller, [
      [spec, { command: ["sh", "-c", script], volumes, readOnly: true }],
    ]);
    const listed = ["/data:", "file", "inner", "made", "nested", "", "/data/nested:", "", "/link/there:", ""];
    expect([result?.error, result?.stdout]).toEqual([
      undefined,
      ["of the caller", "read-only", "read-only", ...listed].join("\n"),
    ]);
    expect(readFileSync(`${source}/made`, "utf8")).toBe("new\n");
    expect(statSync(`${source}/made`).uid).toBe(caller.id);
    expect(readFileSync(file, "utf8")).toBe("of the caller\n");
  });

  test("are no volumes that cannot be", async () => {
    const source = folderOf(ROOT, "refused");
    symlinkSync("/nowhere", `${source}/dangling`);
    const wrong: [source: string, target: string][] = [
      [source, "/"],
      [source, "/x/../y"],
      [`${source}/missing`, "/x"],
      [`${source}/dangling`, "/x"],
      [source, "/bin/sh"],
      [`${source}/file`, "/bin"],
    ];
    const results = await scene.containers(ROOT, [
      ...wrong.map(([from, target]): Job => [{}, { command: ["true"], volumes: [{ source: from, target }] }]),
      [
        {},
        {
          command: ["true"],
          volumes: [source, source].map((each, i) => ({ source: each, target: `/x${"/".repeat(i)}` })),
        },
      ],
      [{}, { command: ["true"], volumes: [{ source: "relative", target: "/x" }] }],
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual([
      ...Array<string>(7).fill("ERR_MOUNT"),
      "ERR_ARGUMENT",
    ]);
    for (const [volume, message] of [
      ["data:/data", /volumes by name are an engine's/],
      ["./data:data", /is not of the form/],
      ["./missing:/data", /missing cannot be mounted: it is not there/],
    ] as const)
      expect((await scene.sh(ROOT, "true", ["--volume", volume])).stderr).toMatch(message);
  });

  test.each(callers)("is a terminal, if it is one of its own, run by $name", async (caller) => {
    const script =
      "tty; stty size; test -t 0 && test -t 2 && echo yes; trap 'exit 5' INT; echo ready; while :; do sleep 0.02; done";
    const inner = ["run", scene.busybox, "--", "sh", "-c", script];
    const state = scene.folder.join("state");
    const quoted = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js"), ...inner].map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    const outer = `stty rows 33 cols 99; stty -g >${state}.1; ${quoted.join(" ")}; echo ended with $?; stty -g >${state}.2`;
    // Whoever runs the terminal is root; the container's caller is its own.
    const child = scene.start(caller, [], { instead: ["script", "-qec", outer, "/dev/null"] });
    writeFileSync(`${state}.1`, "");
    writeFileSync(`${state}.2`, "");
    for (const each of [".1", ".2"]) chownSync(`${state}${each}`, caller.id, caller.id);
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => (output += piece));
    while (!output.includes("ready")) await sleep(10);
    child.stdin?.write("\x03");
    await once(child, "close");
    // Before the command is reached the line is cleared, once. An interrupt drops what is on its way to the terminal, which
    // may be the end of ^C.
    const shown = output.replaceAll("\r", "").replace("\x1b[K", "");
    expect(shown).toMatch(/^\/dev\/pts\/0\n33 99\nyes\nready\n\^?C?ended with 5\n$/);
    expect(readFileSync(`${state}.2`, "utf8")).toBe(readFileSync(`${state}.1`, "utf8"));
  });

  test("is that terminal as it was, though laminix is killed", async () => {
    const laminix = [
      process.execPath,
      path.join(projectRoot, "dist/bundled/laminix.js"),
      "run",
      scene.busybox,
    ];
    const state = scene.folder.join("before");
    const outer = `stty -g >${state}; ${laminix.join(" ")} -- sh -c 'echo ready; sleep 1000'; echo ended with $?; read line; stty -g`;
    const child = scene.start(ROOT, [], { instead: ["script", "-qec", outer, "/dev/null"] });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => (output += piece));
    while (!output.includes("ready")) await sleep(10);
    const run = processes().find(({ command }) => command.startsWith(laminix.join(" ")));
    const children = readFileSync(`/proc/${String(run!.pid)}/task/${String(run!.pid)}/children`, "utf8");
    process.kill(run!.pid, "SIGKILL");
    for (const pid of children.trim().split(" ").map(Number)) while (isAlive(pid)) await sleep(10);
    while (!output.includes("ended with 137")) await sleep(10);
    child.stdin?.write("\n");
    await once(child, "close");
    expect(output).toContain(`\n${readFileSync(state, "utf8").trim()}`);
    // It removes the folder of the one that was killed.
    await scene.sh(ROOT, "true");
  });

  test("is the closure, which is not collected while it runs", async () => {
    const other = await addBusybox(scene.store, "busybox-collected");
    const file = await scene.store.addTextFile("of-the-closure", "x", [other]);
    await using store = await openStore(scene.store.uri);
    const command = ["sh", "-c", "echo up; read line; cat $0", file];
    await using container = await startContainer(
      { name: "app", contents: [other, file], includeStorePaths: true },
      { store, command, stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(container.stdout!, "readable");
    await scene.store.run("nix-store", ["--gc"]);
    expect([other, file].map((each) => existsSync(each))).toEqual([true, true]);
    container.stdin?.end("\n");
    expect([await text(container.stdout!), await container.ended]).toEqual(["up\nx", 0]);
    await store.close();
    await scene.store.run("nix-store", ["--gc"]);
    expect([other, file].map((each) => existsSync(each))).toEqual([false, false]);
  });

  test("is taken from it by close and by an abort", async () => {
    const busybox = await addBusybox(scene.store, "busybox-aborted");
    await using store = await openStore(scene.store.uri);
    const spec = { name: "app", contents: [busybox] };
    const options = { store, command: ["sh", "-c", "trap '' TERM; sleep 1000"], stdio: "ignore" } as const;
    const closed = await startContainer(spec, options);
    await closed.close();
    await closed.close();
    expect(await closed.ended).toBe(137);
    closed.kill("SIGTERM");
    const controller = new AbortController();
    const aborted = await startContainer(spec, { ...options, signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(aborted.ended).rejects.toBe(reason);
    await expect(startContainer(spec, { ...options, signal: controller.signal })).rejects.toBe(reason);
    const killed = await startContainer(spec, { ...options, command: ["sleep", "1000"] });
    await sleep(300);
    killed.kill("SIGKILL");
    expect(await killed.ended).toBe(137);
  });

  test("cannot be what has vanished", async () => {
    const busybox = await addBusybox(scene.store, "busybox-vanished");
    renameSync(busybox, `${busybox}-moved`);
    await using store = await openStore(scene.store.uri);
    const failure = await failureOf(
      startContainer({ name: "app", contents: [busybox] }, { store, command: ["sh"] }),
    );
    expect(failure).toMatchObject({
      code: expect.stringMatching(/^ERR_/) as string,
      message: expect.stringContaining(busybox) as string,
    });
  });

  test.each(callers)("is as protected on an older kernel, run by $name", async (caller) => {
    const busybox = await addBusybox(scene.store, `busybox-old-${caller.name.replaceAll(" ", "-")}`);
    const program = scene.folder.join("oldKernel");
    await mustRun("cc", [
      "-Wall",
      "-Werror",
      "-o",
      program,
      path.join(projectRoot, "test/support/oldKernel.c"),
    ]);
    const source = folderOf(caller, "old");
    const script = `touch ${busybox}/x; touch /volume/x; touch /fixed/x; chmod 777 /dev/null; echo x >/dev/null && cat /volume/file`;
    const flags = ["--volume", `${source}:/volume`, "--volume", `${source}:/fixed:ro`, "--read-only"];
    // A filter that is there already takes setuid programs away, newuidmap among them.
    const who = caller.hasSubordinates ? USER : caller;
    const result = await scene.laminix(who, ["run", busybox, ...flags, "--", "sh", "-c", script], {
      through: [program],
    });
    expect(result.stdout.toString()).toBe("of the caller\n");
    expect(result.stderr.match(/Read-only file system/g)).toHaveLength(3);
    expect(existsSync(`${source}/x`)).toBe(true);
  });

  test("is refused where there are no namespaces", async () => {
    const busybox = await addBusybox(scene.store, "busybox-refused");
    // Of a user namespace around it, whose user is the same one.
    const off =
      'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all --inh-caps -all "$@"';
    const outer = [
      "unshare",
      "--user",
      "--map-user=65534",
      "--map-group=65534",
      "--keep-caps",
      "sh",
      "-c",
      off,
      "sh",
    ];
    const result = await scene.laminix(USER, ["run", busybox, "--", "true"], { through: outer });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^laminix: no namespaces can be had for a container here: .*\nhint: .*max_user_namespaces=/,
    );
  });
});
