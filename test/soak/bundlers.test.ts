/** Programs that a bundler made one file of. */
import { renameSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtFile } from "../support/builtFile.js";
import type { Bundler } from "../support/bundlers.js";
import { ContextProject, DONE } from "../support/contextProject.js";
import { describeWith } from "../support/requirements.js";

/** npm has to fetch webpack. */
const bundlers: readonly Bundler[] =
  process.env["LAMINIX_SOAK"] === "true"
    ? ["esbuild", "rolldown", "rollup", "webpack"]
    : ["esbuild", "rolldown"];
const each = bundlers.flatMap((bundler) => [[bundler, "mjs"] as const, [bundler, "cjs"] as const]);

describeWith(["nix-daemon", "nix-store"], "a bundle", () => {
  let project: ContextProject;
  beforeAll(async () => {
    project = await ContextProject.make("prebuilt");
  });
  afterAll(() => project[Symbol.asyncDispose]());

  test.each(each)("by %s asks, with laminix beside it: %s", async (bundler, ending) => {
    const file = `${bundler}-beside.${ending}`;
    await project.bundle(bundler, file, "beside");
    expect(await project.printed(file)).toBe(DONE);
  });

  test.each(each)("by %s with laminix in it is told how not to be: %s", async (bundler, ending) => {
    const file = `${bundler}-within.${ending}`;
    await project.bundle(bundler, file, "within");
    const [home, elsewhere] = [project.join("node_modules/laminix"), project.join("laminix")];
    // Webpack writes down where the package was, and finds its files there for as long as it is.
    renameSync(home, elsewhere);
    try {
      expect((await project.run(file)).stderr).toMatch(
        /ERR_ADDON_MISSING[^]*external: \["laminix"\].*externals: \{ laminix: "node-commonjs laminix" \}/,
      );
      const hashing = await project.run(file, process.execPath, { LAMINIX_ADDON: builtFile("addon.node") });
      expect(hashing.stderr).toMatch(/ERR_BUNDLED[^]*external: \["laminix"\]/);
    } finally {
      renameSync(elsewhere, home);
    }
  });
});
