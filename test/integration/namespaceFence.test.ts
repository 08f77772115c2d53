import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FenceCaller, fenceCallers, Outdoors, ways } from "../support/fence.js";
import { archiveOf, tarOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, run, type RunResult } from "../support/run.js";
import { startLaminix } from "../support/started.js";

describeWith(["unshare", "busybox", "root", "cc"], "from the namespaces of a script", () => {
  let outdoors: Outdoors;

  beforeAll(async () => {
    outdoors = await Outdoors.open();
    const unused = `/nix/store/${"0".repeat(32)}-unused`;
    const graph = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
    writeFileSync(outdoors.folder.join("graph.json"), JSON.stringify(graph));
  });
  afterAll(() => outdoors[Symbol.asyncDispose]());

  /** Builds an image with a script. */
  function build(
    caller: FenceCaller,
    home: string,
    spec: object,
    flags: readonly string[] = [],
  ): Promise<RunResult> {
    writeFileSync(path.join(home, "spec.json"), JSON.stringify({ name: "fenced", ...spec }), { mode: 0o644 });
    const files = ["-o", path.join(home, "image.tar"), path.join(home, "spec.json")];
    const graph = ["--graph", outdoors.folder.join("graph.json")];
    return outdoors.laminix(caller, home, [
      ...["build-image", ...graph, "--isolation", "namespace", ...flags, ...files],
    ]);
  }

  test.each(fenceCallers)("none of many ways leads out, run by $name", async (caller) => {
    const home = outdoors.homeOf(caller, "ways");
    const lines = await outdoors.expectFenced(home, (runAsRoot) =>
      build(caller, home, { copyToRoot: outdoors.tools, runAsRoot }),
    );
    expect(lines).toEqual(
      expect.arrayContaining([...Object.keys(ways), "done"].map((name) => `runAsRoot> -- ${name}`)),
    );
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

  test.each(fenceCallers)(
    "an /etc that is a link leads nowhere but into the image, run by $name",
    async (caller) => {
      const home = outdoors.homeOf(caller, "links");
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
      expect(readFileSync(path.join(foreign, "resolv.conf"), "utf8")).toBe(outdoors.token);
      expect(readdirSync(foreign)).toEqual(["resolv.conf"]);
      expect(statSync(foreign).mtimeMs).toBe(before);
    },
  );

  test("a script ends with the process that started it, though that is killed", async () => {
    const spec = outdoors.folder.join("endless.json");
    const seconds = String(1e6 + Math.floor(Math.random() * 1e6));
    const runAsRoot = `sleep ${seconds} & echo started; sleep ${seconds}`;
    writeFileSync(spec, JSON.stringify({ name: "endless", runAsRoot }));
    const files = [
      "--graph",
      outdoors.folder.join("graph.json"),
      "-o",
      outdoors.folder.join("endless.tar"),
      spec,
    ];
    mkdirSync(outdoors.folder.join("endless"));
    await using started = startLaminix(["build-image", "--isolation", "namespace", ...files], {
      env: { TMPDIR: outdoors.folder.join("endless") },
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
