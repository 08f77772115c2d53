/** Files of this package that its code needs beside it: the addon, the programs and the threads' scripts. */
import { existsSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { LaminixError } from "../errors.js";

const EXTERNAL =
  'leave the package laminix out of the bundle: external: ["laminix"], ' +
  'or with webpack externals: { laminix: "node-commonjs laminix" } (docs/installing.md)';

/**
 * What is built from C++: by CMake at installation, or ahead of it for the package.
 * @param name `addon.node` or `laminix-enter`
 * @returns where it may be, the best first; one at least is there
 * @throws {LaminixError} ERR_ADDON_MISSING
 */
export function builtFiles(name: string): string[] {
  const home = packageFolder();
  const platform = `${process.platform}-${process.arch}`;
  const places = home === undefined ? [] : [join(home, "build/Release"), join(home, "prebuilds", platform)];
  const found = places.map((place) => join(place, name)).filter((file) => existsSync(file));
  if (found.length > 0) return found;
  throw new LaminixError("ERR_ADDON_MISSING", `laminix has no ${name} for ${platform} here`, {
    hint: buildHint(),
  });
}

/** What to do where something that is built from C++ is missing, or does not run here. */
export function buildHint(): string {
  const home = packageFolder();
  if (home === undefined) return EXTERNAL;
  if (existsSync(join(home, "native/test"))) return "build it with `npm run build:native`";
  return `${rebuilding(home)}; it needs CMake and a C++20 compiler`;
}

/** As the package manager has it that installed the package. */
function rebuilding(home: string): string {
  if (isInstalledBy(home, ".pnpm", ".modules.yaml"))
    return "build it with `pnpm rebuild laminix`, after `pnpm approve-builds`";
  if (process.versions["pnp"] !== undefined || isInstalledBy(home, ".yarn", ".yarn-state.yml"))
    return "build it with `yarn rebuild laminix`, with dependenciesMeta.laminix.built set in package.json";
  return "build it with `npm rebuild laminix`, if npm may run its install script";
}

/** Whether the package is in the folder that a package manager keeps packages in, or beside the file that it leaves among them. */
function isInstalledBy(home: string, folder: string, file: string): boolean {
  return home.includes(`${sep}${folder}${sep}`) || existsSync(join(home, "..", file));
}

/**
 * The script of a thread.
 * @param name its path in `dist`
 * @throws {LaminixError} ERR_BUNDLED
 */
export function threadScript(name: string): string {
  return compiledFile(name, "the scripts of its threads");
}

/**
 * What was written beside the compiled sources.
 * @param name its path in `dist`
 * @throws {LaminixError} ERR_BUNDLED
 */
export function schemaFile(name: string): string {
  return compiledFile(name, "its schemas");
}

function compiledFile(name: string, what: string): string {
  const home = packageFolder();
  if (home !== undefined) return join(home, "dist", name);
  throw new LaminixError("ERR_BUNDLED", `laminix was bundled without ${what}`, { hint: EXTERNAL });
}

/** `undefined` where the code has become part of another file. */
function packageFolder(): string | undefined {
  // A bundle of CommonJS has no URL.
  const here = import.meta.url as string | undefined;
  if (here === undefined) return undefined;
  const folder = fileURLToPath(new URL("../..", here));
  try {
    const { name } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: unknown };
    const ours = /\/dist\/(?:process\/ownFile|bundled\/\w+)\.js$/;
    return name === "laminix" && ours.test(here) ? folder : undefined;
  } catch {
    return undefined;
  }
}
