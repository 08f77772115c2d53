/** Every version of Node, every way to load the package, and the addon wherever it may be. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Addon, ContextProject, DONE } from "../support/contextProject.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot } from "../support/run.js";

/** Minutes long; the pairs that matter are in test/integration/contexts.test.ts. */
const SOAKS = process.env["LAMINIX_SOAK"] === "true";
const versions = SOAKS ? [20, 22, 24] : [];
const addons: readonly Addon[] = SOAKS ? ["prebuilt", "compiled", "missing"] : ["prebuilt"];

/** npm's Node of this version, kept beside the checkout. */
async function nodeOf(version: number): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const place = path.join(projectRoot, `.cache/node${String(version)}`);
  const node = path.join(place, "node_modules", name, "bin/node");
  if (existsSync(node)) return node;
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, "package.json"), '{ "private": true }\n');
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  await mustRun("npm", ["install", "--prefix", place, ...flags, `${name}@${String(version)}`], {
    timeout: 300_000,
  });
  return node;
}

describeWith(["nix-daemon", "nix-store", "npm"], "a program with the addon", () => {
  describe.each(addons)("%s", (addon) => {
    let project: ContextProject;
    beforeAll(async () => {
      project = await ContextProject.make(addon);
      await project.bundle("esbuild", "beside.mjs", "beside");
    });
    afterAll(() => project[Symbol.asyncDispose]());

    const done = addon === "missing" ? expect.stringContaining("ERR_ADDON_MISSING") : DONE;
    const passed = expect.stringContaining(addon === "missing" ? "1 failed" : "1 passed");

    test("asks, on the Node that runs the tests", async () => {
      expect(await project.esm()).toEqual(done);
    });

    test.each(versions)("asks in every way, on Node %d", async (version) => {
      const node = await nodeOf(version);
      expect({
        esm: await project.esm(node),
        commonJs: await project.commonJs(node),
        workerThread: await project.workerThread(node),
        bundle: await project.printed("beside.mjs", node),
        threads: await project.vitest("threads", node),
        vmThreads: await project.vitest("vmThreads", node),
        jest: await project.jest(node),
      }).toEqual({
        ...{ esm: done, commonJs: done, workerThread: done, bundle: done },
        ...{ threads: passed, vmThreads: passed, jest: passed },
      });
    });
  });
});
