/** The examples of the documentation run, as a reader would run them. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot, run, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const packages = `{
  hello = { version = "2.12"; meta.license.spdxId = "GPL-3.0-or-later"; };
  curl = { version = "8.0"; meta.license = "MIT"; };
  none = { };
  broken = throw "broken";
  wrong = { version = 1 + "a"; };
}`;

describeWith(["nix-daemon", "nix-store", "nix"], "the example", () => {
  let daemon: TestStore;
  let folder: TemporaryFolder;
  let library: string;
  let program: string;
  beforeAll(async () => {
    daemon = await startNixStore({ storeDir: "/example/store" });
    library = await daemon.addTextFile("library", "x".repeat(3 << 20));
    program = await daemon.addTextFile("program", library, [library]);
    // As in a project that has installed the package.
    folder = await temporaryFolder("examples");
    mkdirSync(folder.join("node_modules"));
    symlinkSync(projectRoot, folder.join("node_modules/laminix"));
    cpSync(nodePath.join(projectRoot, "docs/examples"), folder.path, { recursive: true });
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const url = (): string => `${daemon.uri}?real=${daemon.realStoreDir}&store=${daemon.storeDir}`;
  const example = (name: string, args: readonly string[], input?: string): Promise<RunResult> =>
    mustRun("node", [folder.join(name), ...args], {
      env: { NIX_REMOTE: url() },
      ...(input !== undefined && { input }),
    });

  test("closure-report lists what a path needs, largest first", async () => {
    const { stdout } = await example("closure-report.mjs", [program]);
    const lines = stdout.toString().trimEnd().split("\n");
    expect(lines.map((line) => line.trim().split(/ +/).slice(2).join(" "))).toEqual([
      library,
      program,
      "in 2 paths",
    ]);
    expect(lines[0]).toMatch(/^ +3\.0 MiB/);
  });

  test("closure-mounts prints a mount for every path, from where its files are", async () => {
    const { stdout } = await example("closure-mounts.mjs", [program, url()]);
    expect(stdout.toString().trimEnd().split("\n")).toEqual(
      [library, program].map(
        (path) => `--mount=type=bind,readonly,source=${daemon.realPath(path)},target=${path}`,
      ),
    );
  });

  test("editor-service answers the last question and cancels those before it", async () => {
    const questions = [program, library, "/elsewhere", program].map((path, id) =>
      JSON.stringify({ id, path }),
    );
    const { stdout } = await example("editor-service.mjs", [url()], `${questions.join("\n")}\n`);
    const replies = stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: number; paths?: number; cancelled?: true });
    expect(replies.map(({ id }) => id).sort()).toEqual([0, 1, 2, 3]);
    expect(replies.find(({ id }) => id === 3)).toMatchObject({ paths: 2 });
    expect(replies.filter(({ cancelled }) => cancelled).length).toBeGreaterThan(0);
  });

  test("package-report lists versions and licences, and counts what cannot be evaluated", async () => {
    writeFileSync(folder.join("set.nix"), packages);
    const { stdout, stderr } = await mustRun("node", [
      folder.join("package-report.mjs"),
      folder.join("set.nix"),
    ]);
    expect(stdout.toString()).toBe("curl\t8.0\tMIT\nhello\t2.12\tGPL-3.0-or-later\nnone\t\t\n");
    expect(stderr).toBe("2 of 5 cannot be evaluated\n");
  });

  test("complete-attributes answers the last line, whatever came before", async () => {
    writeFileSync(folder.join("set.nix"), packages);
    const { stdout } = await mustRun(
      "node",
      [folder.join("complete-attributes.mjs"), folder.join("set.nix")],
      { input: "h\nhe\nhello.meta.\nhello.v\n" },
    );
    expect(stdout.toString().trimEnd().split("\n").at(-1)).toBe("hello.v: version");
  });

  test("each says how it is used when it is not", async () => {
    for (const name of [
      "closure-report.mjs",
      "closure-mounts.mjs",
      "package-report.mjs",
      "complete-attributes.mjs",
    ]) {
      const { code, stderr } = await run("node", [folder.join(name)]);
      expect([code, stderr.startsWith("usage: node ")]).toEqual([2, true]);
    }
  });
});
