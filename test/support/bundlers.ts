/** Bundlers, each with a program of its own settings that makes one file of another. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { mustRun, projectRoot } from "./run.js";

export type Bundler = "esbuild" | "rollup" | "rolldown" | "webpack";

export interface Bundling {
  /** A file of a project that has the package installed. */
  readonly entry: string;
  /** Ends with `.mjs` or `.cjs`, which says what kind of module it becomes. */
  readonly file: string;
  readonly laminix: "beside" | "within";
}

/** What each runs; the values of a bundling are there, and what is left out is so in the words of docs/installing.md. */
const SCRIPTS: Readonly<Record<Bundler, string>> = {
  esbuild: `
    import { build } from "esbuild";
    await build({
      ...{ entryPoints: [entry], outfile: file, bundle: true, platform: "node", logLevel: "silent" },
      format: isModule ? "esm" : "cjs",
      external: laminix === "beside" ? ["laminix"] : [],
    });`,
  // Without plugins, it leaves every package where it is.
  rollup: `
    import { rollup } from "rollup";
    const within = { name: "within", resolveId: (name) => (name === "laminix" ? main : null) };
    const bundle = await rollup({
      ...{ input: entry, logLevel: "silent" },
      ...(laminix === "beside" ? { external: [/^laminix(\\/|$)/] } : { plugins: [within] }),
    });
    await bundle.write({ file, format: isModule ? "es" : "cjs", inlineDynamicImports: true });`,
  rolldown: `
    import { rolldown } from "rolldown";
    const bundle = await rolldown({
      ...{ input: entry, platform: "node", logLevel: "silent" },
      external: laminix === "beside" ? [/^laminix(\\/|$)/] : [],
    });
    await bundle.write({ file, format: isModule ? "esm" : "cjs", codeSplitting: false });`,
  webpack: `
    import { dirname, basename } from "node:path";
    import webpack from "webpack";
    const output = { path: dirname(file), filename: basename(file) };
    const problem = await new Promise((resolve) => {
      const options = {
        ...{ entry, context: dirname(entry), target: "node", mode: "none" },
        ...(isModule
          ? { output: { ...output, module: true, chunkFormat: "module" }, experiments: { outputModule: true } }
          : { output }),
        optimization: { splitChunks: false },
        plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })],
        ...(laminix === "beside" ? { externals: [/^laminix(\\/|$)/], externalsType: "node-commonjs" } : {}),
      };
      webpack(options, (error, made) => resolve(error ?? (made.hasErrors() ? made.toString() : undefined)));
    });
    if (problem) throw new Error(problem);`,
};

/** Makes the file. webpack, which is large, is kept beside the checkout. */
export async function bundle(bundler: Bundler, { entry, file, laminix }: Bundling): Promise<void> {
  const place = await homeOf(bundler);
  const isModule = file.endsWith(".mjs");
  const main = path.join(path.dirname(entry), "node_modules/laminix/dist/index.js");
  const values = Object.entries({ entry, file, laminix, isModule, main });
  const constants = values.map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`).join("\n");
  await mustRun(process.execPath, ["--input-type=module", "-e", `${constants}\n${SCRIPTS[bundler]}`], {
    cwd: place,
    timeout: 300_000,
  });
}

/** The folder from which its program finds it. */
async function homeOf(bundler: Bundler): Promise<string> {
  if (bundler !== "webpack") return projectRoot;
  const place = path.join(projectRoot, ".cache/webpack");
  if (existsSync(path.join(place, "node_modules/webpack"))) return place;
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, "package.json"), '{ "private": true }\n');
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  await mustRun("npm", ["install", "--prefix", place, ...flags, "webpack@5"], { timeout: 300_000 });
  return place;
}
