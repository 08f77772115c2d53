// What a package manager runs when it installs the package. A prebuilt addon that loads is all that is needed; else the
// addon is compiled, where CMake and a compiler are there. Installing never fails: all that needs no daemon works without it.
//
// With npm_config_build_from_source=true the addon is compiled whatever is there.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const compiled = path.join(root, "build/Release/addon.node");
const platform = `${process.platform}-${process.arch}`;
const wantsBuild = process.env.npm_config_build_from_source === "true";

/** In a process of its own: a file may be there and end the one that loads it. */
function loads(file) {
  return existsSync(file) && succeeds("require(process.argv[1])", file);
}

function hasEncoders(file) {
  return succeeds("process.exit(require(process.argv[1]).encoders ? 0 : 1)", file);
}

function succeeds(script, file) {
  const { status } = spawnSync(process.execPath, ["-e", script, file], { stdio: "ignore" });
  return status === 0;
}

/** @returns why it could not be compiled; undefined where it was */
function compile() {
  const { resolve } = createRequire(import.meta.url);
  const headers = ["node-api-headers", "node-addon-api"].map((name) =>
    path.dirname(resolve(`${name}/package.json`)),
  );
  const [api, wrapper] = headers;
  const build = path.join(root, "build");
  // What an earlier attempt found may be gone.
  rmSync(path.join(build, "CMakeCache.txt"), { force: true });
  const undefinedSymbols =
    process.platform === "darwin" ? ["-DCMAKE_MODULE_LINKER_FLAGS=-undefined dynamic_lookup"] : [];
  const configure = [
    ...["-S", path.join(root, "native"), "-B", build, "-DCMAKE_BUILD_TYPE=Release"],
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${path.join(build, "Release")}`,
    `-DCMAKE_JS_INC=${path.join(api, "include")};${wrapper}`,
    ...undefinedSymbols,
  ];
  for (const args of [configure, ["--build", build, "--parallel"]]) {
    const { error, status, stdout, stderr } = spawnSync("cmake", args, { encoding: "utf8" });
    if (error) return error.code === "ENOENT" ? "there is no CMake" : error.message;
    if (status !== 0) return `CMake failed:\n${lastLines(stdout + stderr)}`;
  }
  return loads(compiled) ? undefined : "what was compiled does not load";
}

/** Yarn 1 has no such command, and npm's works on what it installs. */
function rebuildCommand() {
  const agent = process.env.npm_config_user_agent ?? "";
  const manager = /^pnpm\//.test(agent) ? "pnpm" : /^yarn\/(?!1\.)/.test(agent) ? "yarn" : "npm";
  return `${manager} rebuild laminix`;
}

const lastLines = (text) => text.trimEnd().split("\n").slice(-15).join("\n");

function install() {
  if (!wantsBuild && loads(path.join(root, "prebuilds", platform, "addon.node"))) return;
  console.log(`laminix: compiling the addon for ${platform}`);
  const problem = compile();
  if (problem === undefined) {
    if (hasEncoders(compiled)) return;
    console.log(
      "laminix: compiled without libdeflate and libzstd, so it makes neither zstd nor, but for `--layer-encoder zlib`, gzip. " +
        "With their headers (Debian's packages libdeflate-dev and libzstd-dev), `npm rebuild laminix` adds them.",
    );
    return;
  }
  console.log(
    `laminix: installed without its addon for ${platform}, so it cannot ask a Nix daemon or run containers. ` +
      `With CMake and a C++20 compiler, \`${rebuildCommand()}\` compiles it. (${problem})`,
  );
}

install();
