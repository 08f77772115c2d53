// What `npm test` runs once scripts/setup is done. Every step runs, whatever became of the others.
//
//   npm test                  everything
//   npm test -- test/store    only those test files
//
// With CI=true a skipped test is a failure, and so is having fewer tests than test/minimum.json says.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const cache = path.join(root, ".cache");
const bin = (name) => path.join(root, "node_modules/.bin", name);
const isCI = process.env.CI === "true";
const filters = process.argv.slice(2);

/** A step that hangs must not take the other steps' results with it. */
const stepLimit = 40 * 60_000;
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(130);
  });
}

function killGroup(child) {
  try {
    if (child?.pid) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended in this very moment.
  }
}

/** Runs a command; `live` shows its output as it comes, otherwise it is kept. */
function run(command, args, { live = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, ...env },
      stdio: live ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text) => (output += text));
    const timer = setTimeout(() => {
      output += `\nstopped after ${stepLimit / 60_000} minutes\n`;
      killGroup(child);
    }, stepLimit);
    child.once("error", (error) => {
      running.delete(child);
      clearTimeout(timer);
      resolve({ ok: false, output: `${command}: ${error.message}\n` });
    });
    child.once("close", (code) => {
      running.delete(child);
      clearTimeout(timer);
      resolve({ ok: code === 0, output });
    });
  });
}

/** A step that passes or fails as a whole counts as one test. */
const check = (command, ...args) => ({
  run: async () => {
    const { ok, output } = await run(command, args);
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, output: ok ? "" : output };
  },
});

async function nativeTests() {
  const build = path.join(cache, "native-test");
  const configure = ["-S", "native", "-B", build, "-DLAMINIX_TESTS=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"];
  let output = "";
  for (const args of [configure, ["--build", build, "--parallel"]]) {
    const step = await run("cmake", args);
    output += step.output;
    if (!step.ok) return { passed: 0, failed: 1, skipped: 0, output };
  }
  const tests = await run("ctest", ["--test-dir", build, "--verbose", "--no-tests=error", "--parallel", "2"]);
  // Each program ends with a line of its own counts, which ctest puts the program's number before.
  let [passed, failed] = [0, 0];
  for (const [, good, bad] of tests.output.matchAll(/^(?:\d+: )?(\d+) passed, (\d+) failed\s*$/gm)) {
    passed += Number(good);
    failed += Number(bad);
  }
  if (!tests.ok) failed = Math.max(failed, 1);
  return { passed, failed, skipped: 0, output: tests.ok ? "" : tests.output };
}

/** The C++ client of the protocol against what libFuzzer thinks up, for a quarter of a minute; one test. */
async function fuzz() {
  const folder = path.join(cache, "fuzz");
  const runtime = await run("clang++", ["-print-resource-dir"]);
  const libraries = path.join(runtime.output.trim(), "lib");
  const has = (file) => path.basename(file).startsWith("libclang_rt.fuzzer");
  if (!runtime.ok || !existsSync(libraries) || !readdirSync(libraries, { recursive: true }).some(has)) {
    return { passed: 0, failed: 0, skipped: 1, output: "no clang++ with libFuzzer" };
  }
  // What it has found to be worth a try stays for the next time, and so does an input that breaks something.
  const corpus = path.join(folder, "corpus");
  mkdirSync(corpus, { recursive: true });
  const build = path.join(folder, "build");
  const configure = ["-S", "native", "-B", build, "-DLAMINIX_FUZZ=ON", "-DCMAKE_CXX_COMPILER=clang++"];
  const limits = [
    "-max_total_time=15",
    "-runs=1000000",
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-malloc_limit_mb=8",
  ];
  const files = ["-dict=native/fuzz/conversation.dict", `-artifact_prefix=${folder}/`];
  for (const [command, ...args] of [
    ["cmake", ...configure],
    ["cmake", "--build", build, "--parallel"],
    [path.join(build, "fuzz/conversation_fuzz"), ...limits, ...files, corpus, "native/fuzz/corpus"],
  ]) {
    const { ok, output } = await run(command, args);
    if (!ok) return { passed: 0, failed: 1, skipped: 0, output };
  }
  return { passed: 1, failed: 0, skipped: 0, output: "" };
}

async function vitest(files, env = {}) {
  const report = path.join(cache, "vitest.json");
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { ok } = await run(bin("vitest"), ["run", ...reporters, ...files], { live: true, env });
  let counts = { passed: 0, failed: 0, skipped: 0 };
  if (existsSync(report)) {
    const result = JSON.parse(readFileSync(report, "utf8"));
    counts = {
      passed: result.numPassedTests,
      failed: result.numFailedTests,
      skipped: result.numPendingTests + result.numTodoTests,
    };
  }
  // A file that cannot be loaded fails without any of its tests doing so.
  if (!ok) counts.failed = Math.max(counts.failed, 1);
  return { ...counts, output: "" };
}

/** The addon once more, built by node-gyp from binding.gyp as tools that insist on it would. */
async function gypTests() {
  const folder = path.join(cache, "gyp");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const item of ["binding.gyp", "native", "package.json"]) {
    cpSync(path.join(root, item), path.join(folder, item), { recursive: true });
  }
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  const headers = nodeHeaders();
  const args = ["rebuild", "--directory", folder, "--jobs=max", ...(headers ? [`--nodedir=${headers}`] : [])];
  // Optimising takes as long as all else, and is what every other test runs.
  const built = await run(bin("node-gyp"), args, { env: { CXXFLAGS: "-O0" } });
  if (!built.ok) return { passed: 0, failed: 1, skipped: 0, output: built.output };
  return vitest(["test/native"], { LAMINIX_ADDON: path.join(folder, "build/Release/addon.node") });
}

/** Headers that are here already; the addon is built on Node-API, so those of another version will do. */
function nodeHeaders() {
  const beside = path.resolve(path.dirname(process.execPath), "..");
  const second = path.join(cache, `node24/node_modules/node-${process.platform}-${process.arch}`);
  return [beside, second].find((folder) => existsSync(path.join(folder, "include/node/node_api.h")));
}

const lint = {
  "lint: eslint": check(bin("eslint"), "--max-warnings=0", "."),
  "lint: types of tests and scripts": check(bin("tsc"), "-p", "tsconfig.test.json"),
  "lint: formatting": check(bin("prettier"), "--check", "."),
  "lint: formatting of C++": check("sh", "scripts/format-native", "--check"),
  "lint: docs/reference.md is up to date": check("node", "scripts/reference.js", "--check"),
  "lint: package, publint": check(bin("publint"), "--strict"),
  // As it is: packing it with its scripts would compile it anew under the tests' feet.
  "lint: package, attw": check(
    "sh",
    "-c",
    'file=$(npm pack --ignore-scripts --silent --pack-destination .cache) && node_modules/.bin/attw ".cache/$file" --profile esm-only',
  ),
};
const native = {
  "tests: C++": { run: nativeTests },
  "tests: C++, fuzzed": { run: fuzz },
  "tests: addon, built by node-gyp": { run: gypTests },
};

const sum = { passed: 0, failed: 0, skipped: 0 };
const summary = [];
async function inTurn(steps) {
  for (const [title, step] of Object.entries(steps)) {
    console.log(`\n=== ${title}`);
    const start = performance.now();
    const { passed, failed, skipped, output } = await step.run();
    if (output) console.log(`\n--- ${title}\n${output.trimEnd()}`);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const line = `${failed > 0 ? "FAILED" : "ok"}, ${seconds} s (${passed + failed + skipped} counted)`;
    summary.push(`${title}: ${line}`);
    console.log(`=== ${title}: ${line}`);
  }
}

mkdirSync(cache, { recursive: true });
// The linters use one core each, which leaves one for the compilers; vitest uses all.
if (filters.length === 0) await Promise.all([inTurn(lint), inTurn(native)]);
await inTurn({ [["tests: vitest", ...filters].join(" ")]: { run: () => vitest(filters) } });

console.log(`\n${summary.join("\n")}\n`);
let ok = sum.failed === 0;
if (isCI && filters.length === 0) {
  const minimum = JSON.parse(readFileSync(path.join(root, "test/minimum.json"), "utf8")).passed;
  if (sum.skipped > 0) {
    console.log("Some tests were skipped, which CI=true forbids.");
    ok = false;
  }
  if (sum.passed < minimum) {
    console.log(`Only ${sum.passed} passed, fewer than the ${minimum} of test/minimum.json.`);
    ok = false;
  }
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = ok ? 0 : 1;
