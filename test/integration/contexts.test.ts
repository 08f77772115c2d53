/** Where programs load the package: other modules, threads and test runners. Bundles are in test/soak/bundlers.test.ts. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ContextProject, DONE } from "../support/contextProject.js";
import { node24Path } from "../support/otherNodes.js";
import { describeWith, testWith } from "../support/requirements.js";
import { projectRoot, run } from "../support/run.js";

describeWith(["nix-daemon", "nix-store"], "a program", () => {
  let project: ContextProject;
  beforeAll(async () => {
    project = await ContextProject.make();
  });
  afterAll(() => project[Symbol.asyncDispose]());

  test("of CommonJS requires it", async () => {
    expect(await project.commonJs()).toBe(DONE);
  });

  testWith(["node24"], "is the same in another version of Node", async () => {
    expect([await project.esm(), await project.esm(node24Path())]).toEqual([DONE, DONE]);
  });

  test("asks in a worker thread", async () => {
    expect(await project.workerThread()).toBe(DONE);
  });

  test("is TypeScript, checked with its types in full", async () => {
    writeFileSync(
      project.join("typed.ts"),
      `import { openStore, streamLayeredImage, type Closure } from "laminix";
       import { nixStore } from "laminix/store";
       import { evaluate } from "laminix/evaluator";
       import { loadImage } from "laminix/image";
       export const size = async (path: string): Promise<number> => {
         const closure: Closure = await nixStore.closure(path);
         await using store = await openStore("auto", { signal: AbortSignal.timeout(1) });
         await using image = await streamLayeredImage({ name: "x" }, { store });
         await loadImage(image, { engine: "docker" });
         return closure.size + String(await evaluate("1")).length;
       };`,
    );
    const flags = ["--strict", "--skipLibCheck", "false", "--noEmit", "--module", "nodenext"];
    const lib = ["--target", "es2022", "--lib", "es2023,esnext.disposable", "--types", "node"];
    const tsc = path.join(projectRoot, "node_modules/typescript/bin/tsc");
    const { stdout, code } = await run(process.execPath, [tsc, ...flags, ...lib, "typed.ts"], {
      cwd: project.join(),
    });
    expect([code, stdout.toString()]).toEqual([0, ""]);
  });

  test.each(["threads", "vmThreads"] as const)("is a test of vitest in %s", async (pool) => {
    expect(await project.vitest(pool)).toContain("1 passed");
  });
});
