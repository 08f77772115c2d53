import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatMounts, MOUNT_FORMATS, mountPlan, type MountPlan, NixStore } from "../../dist/index.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type Outcome, runMain, type Situation } from "./commandLine.js";

describeWith(["nix-daemon", "nix-store", "linux"], "laminix mounts", () => {
  let daemon: Daemon;
  let folder: TemporaryFolder;
  let plan: MountPlan;
  let tree: string;
  let link: string;
  let out: string;
  let top: string;
  beforeAll(async () => {
    daemon = await startNixStore();
    folder = await temporaryFolder("mounts");
    const source = folder.join("tree");
    await mustRun("mkdir", [source]);
    writeFileSync(`${source}/says`, "the tree\n");
    tree = await daemon.addTree("tree", source);
    const linkTo = (name: string, text: string): Promise<string> =>
      daemon.addTree(
        name,
        (place) => {
          symlinkSync(text, place);
        },
        { references: [tree] },
      );
    link = await linkTo("link", tree);
    out = await linkTo("out", "/nowhere");
    top = await daemon.addTextFile("top", "top", [tree, link, out]);
    await using store = new NixStore(daemon.uri);
    plan = await mountPlan(top, { store });
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const mounts = (args: readonly string[], situation?: Situation): Promise<Outcome> =>
    runMain(["mounts", "--store", daemon.uri, ...args], situation);

  test("lists what to mount and which links to make, and sums it up", async () => {
    const { code, stdout, stderr } = await mounts([top]);
    expect(code).toBe(0);
    expect(stdout.toString().split("\n").toSorted()).toEqual(
      ["", tree, top, `${link} (a link to ${tree})`, `${out} (a link to /nowhere)`].sort(),
    );
    expect(stderr).toMatch(/^1 folder, 1 file, 2 links to make, .*\n$/);
    const quiet = await mounts([top, "--quiet"]);
    expect([quiet.stdout.toString(), quiet.stderr]).toEqual([stdout.toString(), ""]);
  });

  test("tells where the paths of a chroot store are", async () => {
    await using chroot = await startNixStore({ storeDir: "/nix/store" });
    const text = await chroot.addTextFile("text", "text");
    const { stdout } = await runMain([
      "mounts",
      "--store",
      `${chroot.uri}?real=${chroot.realStoreDir}`,
      text,
    ]);
    expect(stdout.toString()).toBe(`${chroot.realPath(text)} -> ${text}\n`);
  });

  test("lists a single mount where one is asked for", async () => {
    const { stdout, stderr } = await mounts([top, "--whole-store"]);
    expect(stdout.toString()).toBe(`${daemon.storeDir}\n`);
    // Of the closure.
    expect(stderr).toMatch(/^1 folder, 1 file, /);
  });

  test("prints the plan itself in JSON", async () => {
    for (const [flags, expected] of [
      [["--json"], { ...plan, warnings: [] }],
      [["--for", "json"], plan],
    ] as const) {
      const { stdout, stderr } = await mounts([top, ...flags]);
      expect(JSON.parse(stdout.toString())).toEqual(expected);
      expect(stderr).toBe("");
    }
  });

  for (const format of MOUNT_FORMATS) {
    test(`writes the format ${format}, and warns of links that lead out where it cannot make them`, async () => {
      const { code, stdout, stderr } = await mounts([top, "--for", format]);
      expect(code).toBe(0);
      expect(stdout.toString()).toBe(formatMounts(plan, format));
      const expected =
        format === "bwrap" || format === "json" ? /^$/ : /out is left out: it is a link to \/nowhere/;
      expect(stderr).toMatch(expected);
      const whole = await mounts([top, "--for", format, "--whole-store"]);
      expect(whole.stdout.toString()).toBe(formatMounts(plan, format, { wholeStore: true }));
      expect(whole.stderr).toBe("");
    });
  }

  test("names the service of a compose file", async () => {
    const { stdout } = await mounts([top, "--for", "compose", "--service", "web: 1"]);
    expect(stdout.toString()).toContain('services:\n  "web: 1":\n');
  });

  test("is of a spec", async () => {
    const spec = folder.join("spec.json");
    writeFileSync(spec, JSON.stringify({ name: "image", contents: [tree] }));
    const { stdout } = await mounts([spec, "--json"]);
    const { mounts: only, roots } = JSON.parse(stdout.toString()) as MountPlan;
    expect(only).toEqual([{ source: tree, target: tree, kind: "folder" }]);
    expect(roots).toEqual([tree]);
  });

  test("follows a link to a store path, as builds leave one", async () => {
    symlinkSync(top, folder.join("result"));
    const { stdout } = await mounts([folder.join("result"), "--json"]);
    expect(JSON.parse(stdout.toString())).toEqual({ ...plan, warnings: [] });
  });

  testWith(["root"], "assembles a farm, and mounts the closure from there", async () => {
    const farm = folder.join("farm");
    const { code, stdout, stderr } = await mounts([top, "--farm", farm, "--for", "docker"]);
    try {
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout.toString()).toBe(`--mount=type=bind,source=${farm},target=${daemon.storeDir},readonly\n`);
      expect(readdirSync(farm).sort()).toEqual(
        [tree, link, out, top].map((each) => path.basename(each)).sort(),
      );
      const again = await mounts([top, "--farm", farm]);
      expect([again.code, again.stdout.toString()]).toEqual([1, ""]);
      expect(again.stderr).toMatch(/is not empty\nhint: .*umount --lazy/);
    } finally {
      await mustRun("umount", ["--lazy", farm]);
    }
  });

  const wrong: Readonly<
    Record<string, readonly [args: () => readonly string[], code: number, says: RegExp]>
  > = {
    "no arguments": [() => [], 2, /a SPEC or a PATH/],
    "--farm and --whole-store": [() => [top, "--farm", "/x", "--whole-store"], 2, /one is enough/],
    "a format that there is none of": [() => [top, "--for", "lxc"], 2, /docker, podman/],
    "--service for what has none": [() => [top, "--for", "docker", "--service", "x"], 2, /--service/],
    "a path that is not valid": [() => [daemon.pathFor("never")], 1, /not valid/],
  };
  for (const [what, [args, expected, says]] of Object.entries(wrong)) {
    test(`refuses ${what}`, async () => {
      const { code, stdout, stderr } = await mounts(args());
      expect([code, stdout.toString()]).toEqual([expected, ""]);
      expect(stderr).toMatch(says);
    });
  }

  test("writes NULs to no terminal", async () => {
    const { code, stdout, stderr } = await mounts([top, "--for", "bwrap"], { isTerminal: true });
    expect([code, stdout.toString()]).toEqual([2, ""]);
    expect(stderr).toMatch(/a list with NULs in it is not written to a terminal/);
  });
});
