import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CONTAINER_NEEDS, ContainerScene, ROOT } from "../support/containers.js";
import { describeWith } from "../support/requirements.js";
import { runMain } from "./commandLine.js";

describeWith(CONTAINER_NEEDS, "laminix run", () => {
  let scene: ContainerScene;

  beforeAll(async () => {
    scene = await ContainerScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** A link to a package with these programs, which are all `echo`. */
  async function result(name: string, ...programs: string[]): Promise<string> {
    const package_ = await scene.store.addTree(name, (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      for (const program of programs) copyFileSync("/bin/busybox", `${place}/bin/${program}`);
      writeFileSync(`${place}/file`, "");
    });
    const link = scene.folder.join(`result-${name}`);
    symlinkSync(package_, link);
    return link;
  }

  test("runs the one program of a package, or the one of the package's name", async () => {
    for (const link of [await result("single-1", "pwd"), await result("uname-2", "arch", "uname", "zcat")]) {
      const { code, stdout, stderr } = await scene.laminix(ROOT, ["run", link]);
      expect([code, stdout.toString(), stderr]).toEqual([0, /single/.test(link) ? "/\n" : "Linux\n", ""]);
    }
  });

  test("lists the programs where it is not clear which one is meant", async () => {
    const several = await scene.laminix(ROOT, ["run", await result("several-1", "pwd", "id")]);
    expect(several.code).toBe(2);
    expect(several.stderr).toMatch(
      /^laminix: there is no command to run\nhint: give one after --; .*several-1 has id, pwd\n$/,
    );
    const none = await scene.laminix(ROOT, ["run", await result("none-1")]);
    expect([none.code, none.stderr]).toEqual([
      2,
      "laminix: there is no command to run\nhint: give one after --\n",
    ]);
  });

  test("takes an archive or a spec from standard input", async () => {
    const archive = scene.folder.join("piped.tar");
    await scene.laminix(ROOT, ["build", scene.busybox, "--cmd", "/bin/hostname", "-o", archive]);
    const spec = JSON.stringify({ name: "piped", contents: [scene.busybox] });
    for (const input of [readFileSync(archive), spec]) {
      const { code, stdout } = await scene.laminix(ROOT, ["run", "-", "--", "echo", "piped"], {
        input,
      });
      expect([code, stdout.toString()]).toEqual([0, "piped\n"]);
    }
  });

  test("has variables of the caller where it is told to", async () => {
    const args = [
      "run",
      scene.busybox,
      "--env",
      "GIVEN",
      "--env",
      "ABSENT",
      "--env",
      "EMPTY=",
      "--env",
      "A=b=c",
    ];
    const { stdout } = await scene.laminix(ROOT, [...args, "--", "env"], {
      env: { GIVEN: "given", OTHER: "x" },
    });
    expect(stdout.toString().split("\n").sort()).toEqual([
      ...["", "A=b=c", "EMPTY=", "GIVEN=given", "HOME=/"],
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]);
  });

  test.each<[string[], RegExp]>([
    [[], /a SPEC, a PATH, an ARCHIVE or a REF is missing/],
    [["--", "true"], /a SPEC, a PATH, an ARCHIVE or a REF is missing/],
    [["x", "--network", "bridge"], /--network.*bridge.*none, host/],
    [["x", "--volume", "/x"], /--volume \/x is not of the form SOURCE:TARGET\[:ro\]/],
    [["x", "--volume", "/x:/y:z"], /is not of the form/],
    [["x", "--volume", "data:/y"], /data is no path\nhint: volumes by name are an engine's/],
    [["x", "--terminals"], /--terminals/],
  ])("%j is wrong usage", async (argv, message) => {
    expect(await runMain(["run", ...argv])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message) as string,
    });
  });

  test("has a help that names each flag", async () => {
    const { code, stdout } = await runMain(["run", "--help"]);
    expect(code).toBe(0);
    for (const flag of ["entrypoint", "env", "user", "workdir", "volume", "network", "read-only", "terminal"])
      expect(stdout.toString()).toContain(`--${flag}`);
  });
});
