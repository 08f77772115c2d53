/** The package as users get it: packed by npm, and installed where there is next to nothing. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BareRoot, type Processor } from "../support/bareRoot.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot, run, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** Minutes long, and so not for every run. */
const SOAKS = process.env["LAMINIX_SOAK"] === "true";

let folder: TemporaryFolder;
let packed: string;
beforeAll(async () => {
  folder = await temporaryFolder("installing");
  packed = await pack(folder.path);
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Packed as it is: the set-up has built everything. */
async function pack(place: string): Promise<string> {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", place];
  const { stdout } = await mustRun("npm", args, { cwd: projectRoot });
  const [{ filename }] = JSON.parse(stdout.toString()) as [{ filename: string }];
  return path.join(place, filename);
}

describe("the package", () => {
  test("has the same bytes each time it is packed", async () => {
    await using other = await temporaryFolder("packed");
    expect(readFileSync(await pack(other.path)).equals(readFileSync(packed))).toBe(true);
  });

  test("has what is compiled, the addon with its sources, manual pages and docs, and nothing else", async () => {
    const { stdout } = await mustRun("tar", ["-tzf", packed]);
    const files = stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((file) => file.replace(/^package\//, ""));
    const library = listed("src").filter((file) => !file.startsWith("src/cli/"));
    const compiled = library.flatMap((file) =>
      [".js", ".d.ts"].map((ending) => file.replace(/^src/, "dist").replace(/\.ts$/, ending)),
    );
    const native = ["addon", "daemon", "encode", "farm", "posix"].flatMap((name) => listed(`native/${name}`));
    expect(files.sort()).toEqual(
      [
        ...compiled,
        ...listed("dist/bundled"),
        ...listed("dist").filter((file) => file.endsWith(".json")),
        ...listed("docs").filter((file) => !file.startsWith("docs/.vitepress/")),
        ...listed("man"),
        ...native,
        ...["CMakeLists.txt", "encode.txt", "enter.txt", "package.json", "sources.txt"].map(
          (name) => `native/${name}`,
        ),
        ...["linux-arm64", "linux-x64"].flatMap((system) =>
          ["addon.node", "laminix-enter"].map((name) => `prebuilds/${system}/${name}`),
        ),
        ...["CHANGELOG.md", "LICENSE", "README.md", "binding.gyp", "package.json", "scripts/install.js"],
      ].sort(),
    );
  });
});

/** The files in a folder of the project, at any depth. */
function listed(place: string): string[] {
  const all = readdirSync(path.join(projectRoot, place), { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(projectRoot, path.join(entry.parentPath, entry.name)));
}

/** Asks for a closure, and prints its paths. */
const ASK = `
  import { nixStore } from "laminix";
  const closure = await nixStore.closure(process.argv[2]);
  console.log(closure.paths.join("\\n"));`;

/** Needs no daemon. */
const PLAN = `
  import { GraphStore, planLayers } from "laminix";
  const path = "/nix/store/${"0".repeat(32)}-one";
  const store = GraphStore.parse(JSON.stringify([{ path, narHash: "sha256:${"0".repeat(52)}", narSize: 9, references: [] }]), "graph");
  console.log((await planLayers({ name: "x", contents: [path] }, { store })).layers.length);`;

describeWith(
  ["root", "linux", "nix-daemon", "unshare", "qemu-aarch64-static", "nodeArm64", "busybox"],
  "npm install, where there is no compiler",
  () => {
    let store: TestStore;
    let program: string;
    let library: string;
    let x64: BareRoot;
    beforeAll(async () => {
      store = await startNixStore({ storeDir: "/installed/store" });
      library = await store.addTextFile("library", "library");
      program = await store.addTextFile("program", library, [library]);
      x64 = await rootWithProject("x64");
      await install(x64);
    });
    afterAll(async () => {
      await x64[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });

    async function rootWithProject(processor: Processor): Promise<BareRoot> {
      const root = await BareRoot.make(processor);
      copyFileSync(packed, root.join("project/laminix.tgz"));
      writeFileSync(root.join("project/package.json"), '{ "private": true, "type": "module" }\n');
      writeFileSync(root.join("project/ask.js"), ASK);
      writeFileSync(root.join("project/plan.js"), PLAN);
      return root;
    }

    async function install(root: BareRoot): Promise<void> {
      const { code, stderr } = await root.npm(["install", "/project/laminix.tgz", "--foreground-scripts"]);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("npm error")]);
    }

    const url = (): string => `${store.uri}?store=${store.storeDir}&real=${store.realStoreDir}`;
    const ask = (root: BareRoot): Promise<RunResult> =>
      root.node(["/project/ask.js", program], { NIX_REMOTE: url() });

    async function expectAnswer(root: BareRoot, system: string): Promise<void> {
      const { code, stdout, stderr } = await ask(root);
      expect([code, stdout.toString(), stderr]).toEqual([0, `${library}\n${program}\n`, ""]);
      const enter = root.join(`project/node_modules/laminix/prebuilds/${system}/laminix-enter`);
      expect(statSync(enter).mode & 0o777).toBe(0o755);
    }

    test("gives a store that answers, on Debian 11's C library", () => expectAnswer(x64, "linux-x64"));

    test("gives one on arm64", async () => {
      await using arm64 = await rootWithProject("arm64");
      if (SOAKS) await install(arm64);
      else {
        // Emulated, npm takes minutes. What it installs is the same; the script that it runs is not.
        cpSync(x64.join("project/node_modules"), arm64.join("project/node_modules"), { recursive: true });
        const { code, stdout, stderr } = await arm64.node([
          "/project/node_modules/laminix/scripts/install.js",
        ]);
        expect([code, stdout.toString(), stderr]).toEqual([0, "", ""]);
      }
      await expectAnswer(arm64, "linux-arm64");
    });

    test("succeeds where no addon loads, and says what is missing; what needs no daemon works", async () => {
      await using root = await rootWithProject("x64");
      const home = root.join("project/node_modules/laminix");
      cpSync(x64.join("project/node_modules"), root.join("project/node_modules"), { recursive: true });
      writeFileSync(`${home}/prebuilds/linux-x64/addon.node`, "not for this system");
      const installed = await root.node(["/project/node_modules/laminix/scripts/install.js"]);
      expect(installed.code).toBe(0);
      expect(installed.stdout.toString()).toMatch(
        /^laminix: compiling the addon for linux-x64\nlaminix: installed without its addon .*there is no CMake\)\n$/,
      );
      const { stdout } = await root.node(["/project/plan.js"]);
      expect(stdout.toString()).toBe("1\n");
      for (const missing of [
        "the native addon cannot be loaded",
        "laminix has no addon.node for linux-x64",
      ]) {
        const asked = await ask(root);
        expect(asked.code).toBe(1);
        expect(asked.stderr).toContain(missing);
        expect(asked.stderr).toMatch(/ERR_ADDON_MISSING[^]*npm rebuild laminix/);
        rmSync(`${home}/prebuilds`, { recursive: true, force: true });
      }
    });
  },
);

const PNPM = /`pnpm rebuild laminix`.*`pnpm approve-builds`/;
const YARN = /`yarn rebuild laminix`.*dependenciesMeta/;

test.each([
  ["npm", "node_modules", "", /`npm rebuild laminix`/],
  ["Yarn 1", "node_modules", ".yarn-integrity", /`npm rebuild laminix`/],
  ["pnpm", "node_modules/.pnpm/laminix@1/node_modules", "", PNPM],
  ["pnpm, hoisted", "node_modules", ".modules.yaml", PNPM],
  ["Yarn 4", ".yarn/unplugged/laminix/node_modules", "", YARN],
  ["Yarn 4, without Plug'n'Play", "node_modules", ".yarn-state.yml", YARN],
])("where %s installs, the hint has its command that compiles the addon", async (_, place, file, hint) => {
  await using project = await temporaryFolder("hints");
  const home = project.join(place, "laminix");
  cpSync(path.join(projectRoot, "dist"), path.join(home, "dist"), { recursive: true });
  copyFileSync(path.join(projectRoot, "package.json"), path.join(home, "package.json"));
  if (file !== "") writeFileSync(project.join(place, file), "");
  const { buildHint, builtFiles } = (await import(`${home}/dist/process/ownFile.js`)) as {
    buildHint(): string;
    builtFiles(name: string): string[];
  };
  expect(buildHint()).toMatch(hint);
  expect(() => builtFiles("addon.node")).toThrow(/^laminix has no addon\.node for /);
});

/** Fails for want of a daemon, once the addon is loaded. */
const HINT = `
  import { openStore } from "laminix";
  await openStore("unix:///nowhere/socket").then((store) => store.storeDir()).catch((error) => console.log(error.code, error.hint));`;

test.each(
  SOAKS
    ? ([
        ["pnpm@10", "pnpm/bin/pnpm.cjs", PNPM],
        ["@yarnpkg/cli-dist@4", "@yarnpkg/cli-dist/bin/yarn.js", YARN],
        ["yarn@1", "yarn/bin/yarn.js", /`npm rebuild laminix`/],
      ] as const)
    : [],
)("%s installs it, and the hint is right where the addon is gone", async (manager, program, hint) => {
  await using project = await temporaryFolder("managers");
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts"];
  await mustRun("npm", ["install", "--prefix", project.join("tools"), ...flags, manager], {
    timeout: 300_000,
  });
  const home = project.join("home");
  mkdirSync(home);
  writeFileSync(path.join(home, "package.json"), '{ "private": true, "type": "module" }\n');
  writeFileSync(path.join(home, "hint.js"), HINT);
  writeFileSync(path.join(home, "yarn.lock"), "");
  writeFileSync(path.join(home, ".yarnrc.yml"), "nodeLinker: node-modules\nenableTelemetry: false\n");
  const add = [project.join("tools/node_modules", program), "add", `laminix@file:${packed}`];
  await mustRun(process.execPath, add, { cwd: home, timeout: 300_000, env: { CI: undefined } });
  const told = async (): Promise<string> =>
    (await mustRun(process.execPath, ["hint.js"], { cwd: home })).stdout.toString();
  expect(await told()).toMatch(/^ERR_NO_DAEMON /);
  rmSync(path.join(home, "node_modules/laminix/prebuilds"), { recursive: true });
  rmSync(path.join(home, "node_modules/laminix/build"), { recursive: true, force: true });
  expect(await told()).toMatch(new RegExp(`^ERR_ADDON_MISSING .*${hint.source}`));
});

test.each([
  [undefined, "npm"],
  ["npm/11.6.0 node/v20.19.0 linux x64 workspaces/false", "npm"],
  ["pnpm/10.34.9 npm/? node/v20.19.0 linux x64", "pnpm"],
  ["yarn/4.18.1 npm/? node/v20.19.0 linux x64", "yarn"],
  ["yarn/1.22.22 npm/? node/v20.19.0 linux x64", "npm"],
])("where %s installs it and there is no CMake, that is told with its command", async (agent, manager) => {
  await using project = await temporaryFolder("agents");
  mkdirSync(project.join("scripts"));
  copyFileSync(path.join(projectRoot, "scripts/install.js"), project.join("scripts/install.js"));
  symlinkSync(path.join(projectRoot, "node_modules"), project.join("node_modules"));
  const { code, stdout } = await run(process.execPath, [project.join("scripts/install.js")], {
    env: { PATH: project.path, npm_config_user_agent: agent },
  });
  expect(code).toBe(0);
  expect(stdout.toString()).toContain(`\`${manager} rebuild laminix\` compiles it. (there is no CMake)`);
});
