/** A project that has the package installed, and the ways in which its programs load it. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Bundler, type Bundling, bundle } from "./bundlers.js";
import { type NixStore as TestStore, startNixStore } from "./nixStore.js";
import { mustRun, projectRoot, run, type RunResult } from "./run.js";
import { temporaryFolder, type TemporaryFolder } from "./temporary.js";

/** What is where of the addon. */
export type Addon = "prebuilt" | "compiled" | "missing";

/** Asks for a closure, and hashes a layer, which takes the addon and threads. */
const body = (laminix: string): string => `
  const { nixStore, streamLayeredImage } = ${laminix};
  const closure = await nixStore.closure(process.argv[2]);
  const image = await streamLayeredImage({ name: "x", contents: [process.argv[2]] }, { cache: false });
  let size = 0;
  for await (const piece of image.pieces()) size += piece.length;
  await image.close();
  console.log(closure.size, size > 10_000);`;

/** What a program prints that has done so. */
export const DONE = "1 true\n";

const ESM = body('await import("laminix")');

export class ContextProject implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #store: TestStore;
  readonly #path: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: TemporaryFolder, store: TestStore, storePath: string) {
    this.#folder = folder;
    this.#store = store;
    this.#path = storePath;
    this.env = { NIX_REMOTE: `${store.uri}?store=${store.storeDir}&real=${store.realStoreDir}` };
  }

  /** @param addon what the installed package has of it; the checkout itself is what is installed unless given */
  static async make(addon?: Addon): Promise<ContextProject> {
    const folder = await temporaryFolder("contexts");
    const store = await startNixStore({ storeDir: "/contexts/store" });
    const packages = folder.join("node_modules");
    mkdirSync(packages);
    for (const name of ["vitest", "typescript", "@types", ...dependencies()])
      symlinkSync(path.join(projectRoot, "node_modules", name), path.join(packages, name));
    if (addon === undefined) symlinkSync(projectRoot, path.join(packages, "laminix"));
    else await installed(path.join(packages, "laminix"), addon);
    return new ContextProject(folder, store, await store.addTextFile("file", "file"));
  }

  join(...parts: string[]): string {
    return this.#folder.join(...parts);
  }

  /** Runs a file of the project. */
  async run(
    file: string,
    node = process.execPath,
    env: Readonly<Record<string, string>> = {},
  ): Promise<RunResult> {
    return run(node, [this.join(file), this.#path], { env: { ...this.env, ...env } });
  }

  async printed(file: string, node?: string): Promise<string> {
    const { stdout, stderr } = await this.run(file, node);
    return `${stdout.toString()}${stderr}`;
  }

  /** An ES module. */
  esm(node?: string): Promise<string> {
    writeFileSync(this.join("program.mjs"), ESM);
    return this.printed("program.mjs", node);
  }

  commonJs(node?: string): Promise<string> {
    writeFileSync(this.join("program.cjs"), `(async () => {${body('require("laminix")')}})();`);
    return this.printed("program.cjs", node);
  }

  workerThread(node?: string): Promise<string> {
    writeFileSync(
      this.join("threads.mjs"),
      `import { isMainThread, Worker } from "node:worker_threads";
       if (isMainThread) new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
       else {${ESM}}`,
    );
    return this.printed("threads.mjs", node);
  }

  /** A bundle, with laminix beside it or in it. */
  async bundle(bundler: Bundler, file: string, laminix: Bundling["laminix"]): Promise<void> {
    writeFileSync(this.join("entry.mjs"), `(async () => {${ESM}})();`);
    await bundle(bundler, { entry: this.join("entry.mjs"), file: this.join(file), laminix });
  }

  /** A test of vitest's. @returns what vitest printed */
  async vitest(pool: "threads" | "vmThreads", node = process.execPath): Promise<string> {
    writeFileSync(this.join("asks.test.mjs"), `import { expect, test } from "vitest";\n${this.#testCase()}`);
    const vitest = path.join(projectRoot, "node_modules/vitest/vitest.mjs");
    const args = [vitest, "run", `--pool=${pool}`, "--testTimeout=60000", "asks.test.mjs"];
    return this.#runner(node, args);
  }

  /** The same of Jest's, which npm installs. */
  async jest(node = process.execPath): Promise<string> {
    const place = this.join("jest");
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, "package.json"), '{ "private": true, "type": "module" }\n');
    await mustRun("npm", ["install", "--no-audit", "--no-fund", "--prefix", place, "jest@30"], {
      timeout: 300_000,
    });
    const link = path.join(place, "node_modules/laminix");
    cpSync(this.join("node_modules/laminix"), link, { recursive: true, verbatimSymlinks: true });
    writeFileSync(
      path.join(place, "asks.test.js"),
      `import { expect, jest, test } from "@jest/globals";\njest.setTimeout(60_000);\n${this.#testCase()}`,
    );
    const args = ["--experimental-vm-modules", path.join(place, "node_modules/jest/bin/jest.js")];
    return this.#runner(node, args, place);
  }

  #testCase(): string {
    return `test("asks", async () => {
      const printed = [];
      const console = { log: (...words) => printed.push(...words) };
      ${ESM.replaceAll("process.argv[2]", JSON.stringify(this.#path))}
      expect(printed).toEqual([1, true]);
    });`;
  }

  async #runner(node: string, args: readonly string[], cwd = this.join()): Promise<string> {
    const { stdout, stderr } = await run(node, args, {
      ...{ cwd, timeout: 180_000, env: { ...this.env, NO_COLOR: "1" } },
    });
    return `${stdout.toString()}${stderr}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}

/** What npm installs with the package. */
function dependencies(): string[] {
  const manifest = readFileSync(path.join(projectRoot, "package.json"), "utf8");
  return Object.keys((JSON.parse(manifest) as { dependencies: object }).dependencies);
}

/** A copy of the package, with its addon in one place or in none. */
async function installed(place: string, addon: Addon): Promise<void> {
  for (const part of ["dist", "package.json", ...(addon === "prebuilt" ? ["prebuilds"] : [])])
    cpSync(path.join(projectRoot, part), path.join(place, part), { recursive: true });
  // Its dependencies, found from where it is.
  symlinkSync(path.join(projectRoot, "node_modules"), path.join(place, "node_modules"));
  if (addon === "compiled") {
    const compiler = path.join(projectRoot, "node_modules/.bin/cmake-js");
    await mustRun(
      compiler,
      ["build", "-d", path.join(projectRoot, "native"), "-O", path.join(place, "build")],
      {
        timeout: 600_000,
      },
    );
  }
}
