/** Where programs load the package: other modules, bundles, threads and test runners. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build, type BuildOptions } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtFile } from "../support/builtFile.js";
import { node24Path } from "../support/otherNodes.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun, projectRoot, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describeWith(["nix-daemon", "nix-store"], "a program", () => {
  let store: TestStore;
  let file: string;
  let project: TemporaryFolder;
  let env: { readonly NIX_REMOTE: string };
  beforeAll(async () => {
    store = await startNixStore({ storeDir: "/contexts/store" });
    file = await store.addTextFile("file", "file");
    env = { NIX_REMOTE: `${store.uri}?store=${store.storeDir}&real=${store.realStoreDir}` };
    project = await temporaryFolder("contexts");
    mkdirSync(project.join("node_modules"));
    symlinkSync(projectRoot, project.join("node_modules/laminix"));
    for (const name of ["vitest", "typescript", "@types"])
      symlinkSync(path.join(projectRoot, "node_modules", name), project.join("node_modules", name));
  });
  afterAll(async () => {
    await project[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  /** Asks for a closure, and hashes a layer, which takes the addon and threads. */
  const body = (laminix: string): string => `
    const { nixStore, streamLayeredImage } = ${laminix};
    const closure = await nixStore.closure(process.argv[2]);
    const image = await streamLayeredImage({ name: "x", contents: [process.argv[2]] }, { cache: false });
    let size = 0;
    for await (const piece of image.pieces()) size += piece.length;
    await image.close();
    console.log(closure.size, size > 10_000);`;

  async function printed(script: string, node = process.execPath): Promise<string> {
    return (await mustRun(node, [project.join(script), file], { env })).stdout.toString();
  }

  test("of CommonJS requires it", async () => {
    writeFileSync(project.join("program.cjs"), `(async () => {${body('require("laminix")')}})();`);
    expect(await printed("program.cjs")).toBe("1 true\n");
  });

  testWith(["node24"], "is the same in another version of Node", async () => {
    writeFileSync(project.join("program.mjs"), body('await import("laminix")'));
    expect(await printed("program.mjs")).toBe("1 true\n");
    expect(await printed("program.mjs", node24Path())).toBe("1 true\n");
  });

  test("asks in a worker thread", async () => {
    writeFileSync(
      project.join("threads.mjs"),
      `import { isMainThread, Worker } from "node:worker_threads";
       if (isMainThread) new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
       else {${body('await import("laminix")')}}`,
    );
    expect(await printed("threads.mjs")).toBe("1 true\n");
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
    const flags = [
      "--strict",
      "--skipLibCheck",
      "false",
      "--noEmit",
      "--module",
      "nodenext",
      "--target",
      "es2022",
    ];
    const lib = ["--lib", "es2023,esnext.disposable", "--types", "node"];
    const tsc = path.join(projectRoot, "node_modules/typescript/bin/tsc");
    const { stdout, code } = await run(process.execPath, [tsc, ...flags, ...lib, "typed.ts"], {
      cwd: project.path,
    });
    expect([code, stdout.toString()]).toEqual([0, ""]);
  });

  test.each(["threads", "vmThreads"])("is a test of vitest in %s", async (pool) => {
    const script = body('await import("laminix")').replaceAll("process.argv[2]", JSON.stringify(file));
    writeFileSync(
      project.join("asks.test.mjs"),
      `import { expect, test } from "vitest";
       test("asks", async () => {
         const printed = [];
         const console = { log: (...words) => printed.push(...words) };
         ${script}
         expect(printed).toEqual([1, true]);
       });`,
    );
    const vitest = path.join(projectRoot, "node_modules/vitest/vitest.mjs");
    const { code, stdout } = await run(
      process.execPath,
      [vitest, "run", `--pool=${pool}`, "--testTimeout=60000"],
      {
        ...{ cwd: project.path, env },
      },
    );
    expect([code, stdout.toString()]).toEqual([0, expect.stringContaining("1 passed")]);
  });

  async function bundle(outfile: string, options: BuildOptions): Promise<void> {
    writeFileSync(project.join("entry.mjs"), `(async () => {${body('await import("laminix")')}})();`);
    await build({
      ...{ entryPoints: [project.join("entry.mjs")], outfile: project.join(outfile) },
      ...{ bundle: true, platform: "node", logLevel: "silent", absWorkingDir: project.path },
      ...options,
    });
  }

  test("is a bundle, with laminix beside it", async () => {
    await bundle("beside.mjs", { format: "esm", external: ["laminix"] });
    expect(await printed("beside.mjs")).toBe("1 true\n");
  });

  test.each(["esm", "cjs"] as const)(
    "is a bundle with laminix in it, and is told how not to be: %s",
    async (format) => {
      const outfile = format === "esm" ? "within.mjs" : "within.cjs";
      await bundle(outfile, { format });
      const asked = await run(process.execPath, [project.join(outfile), file], { env });
      expect(asked.stderr).toMatch(/ERR_ADDON_MISSING[^]*external: \["laminix"\]/);
      const given = { ...env, LAMINIX_ADDON: builtFile("addon.node") };
      const hashing = await run(process.execPath, [project.join(outfile), file], { env: given });
      expect(hashing.stderr).toMatch(/ERR_BUNDLED[^]*external: \["laminix"\]/);
    },
  );
});
