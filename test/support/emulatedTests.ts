/** The tests themselves on a Node.js for arm64, which QEMU runs; the programs that they talk to are this machine's own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { QEMU_ARM64, REGISTER } from "./emulation.js";
import { nodeArm64Path } from "./otherNodes.js";
import { mustRun, projectRoot, run, type RunOptions, type RunResult } from "./run.js";
import { temporaryFolder } from "./temporary.js";

/** The packages of the test runner that have compiled code, and those that have theirs for arm64. */
const COMPILED = {
  rolldown: "@rolldown/binding-linux-arm64-gnu",
  esbuild: "@esbuild/linux-arm64",
  lightningcss: "lightningcss-linux-arm64-gnu",
} as const;

/**
 * All users are mapped to themselves, since a server of SSH changes to one of its own; only who is outside can say so.
 * The libraries for arm64 are laid under this machine's, where each program finds its own.
 */
const ENTER = `
(
  until [ "$(readlink /proc/$$/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.1; done
  echo 0 0 4294967295 >/proc/$$/uid_map
  echo 0 0 4294967295 >/proc/$$/gid_map
) &
exec unshare --user --mount sh -c 'until grep -q . /proc/self/gid_map; do sleep 0.1; done; exec sh -c "$@"' sh "$@"
`;
const EMULATE = `
set -e
qemu=$1 libraries=$2
shift 2
${REGISTER}
here=$(realpath /lib)
mount -t overlay -o "lowerdir=$here:$libraries/usr/lib:$libraries/lib" none "$here"
exec "$@"
`;

export interface TestCounts {
  readonly passed: number;
  readonly skipped: number;
  /** Their names. */
  readonly failed: readonly string[];
}

/** Runs Node. The addon, and the program that enters namespaces, are those of the package. */
export function emulatedNode(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const prebuilt = path.join(projectRoot, "prebuilds/linux-arm64");
  const libraries = path.join(projectRoot, ".cache/sysroot-arm64");
  const inside = [EMULATE, "sh", QEMU_ARM64, libraries, nodeArm64Path, ...args];
  return run("sh", ["-c", ENTER, "sh", ...inside], {
    ...options,
    cwd: projectRoot,
    env: {
      LAMINIX_ADDON: path.join(prebuilt, "addon.node"),
      LAMINIX_ENTER: path.join(prebuilt, "laminix-enter"),
      ...options.env,
    },
  });
}

/** Runs files or folders of tests. */
export async function emulatedTests(files: readonly string[]): Promise<TestCounts> {
  await using folder = await temporaryFolder("emulated");
  const report = folder.join("report.json");
  const vitest = path.join(projectRoot, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { stdout, stderr } = await emulatedNode(
    [vitest, "run", "--testTimeout=1200000", ...reporters, ...files],
    // What repeats in a soak does not here: once is slow enough.
    { timeout: 2 * 3_600_000, env: { NODE_PATH: await compiledPackages(), LAMINIX_SOAK: undefined } },
  );
  return countsOf(report, `${stdout.toString()}${stderr}`);
}

/** Kept beside the checkout, where `require` finds them last. */
async function compiledPackages(): Promise<string> {
  const place = path.join(projectRoot, ".cache/arm64-packages");
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, "package.json"), '{ "private": true }\n');
  const packages = Object.entries(COMPILED).map(([name, compiled]) => `${compiled}@${versionOf(name)}`);
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--force", "--prefer-offline"];
  await mustRun("npm", ["install", "--prefix", place, ...flags, ...packages], { timeout: 300_000 });
  return path.join(place, "node_modules");
}

function versionOf(name: string): string {
  const file = path.join(projectRoot, "node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

interface Report {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

function countsOf(file: string, output: string): TestCounts {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch (cause) {
    throw new Error(`the tests did not come to an end\n${output}`, { cause });
  }
  const failed = report.testResults.flatMap(({ name, status, assertionResults }) => {
    const names = assertionResults.filter((each) => each.status === "failed").map((each) => each.fullName);
    return status === "failed" && names.length === 0 ? [name] : names;
  });
  return { passed: report.numPassedTests, skipped: report.numPendingTests, failed };
}
