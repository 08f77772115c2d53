/** The store, the bases and the folders that images are made of, and the command line that makes them. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { runMain } from "../../cli/commandLine.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";
import { writeBaseImages } from "./baseImages.js";
import { type FixedStore, startFixedStore } from "./fixedStore.js";
import { complete, type Ingredients, type Spec, writePlainFolder } from "./specs.js";

export interface FixedInputs extends AsyncDisposable {
  readonly store: FixedStore;
  readonly ingredients: Ingredients;
  /** A path where nothing is yet. */
  newFile(name: string): string;
  write(name: string, text: string): string;
  specFile(spec: Spec): string;
  /** Runs the command line on the store; answers its standard output. */
  run(args: readonly string[], store?: string): Promise<Buffer>;
  /** The file or folder that it writes. */
  fileBy(args: readonly string[], name?: string): Promise<string>;
  bytesBy(args: readonly string[], name?: string): Promise<Buffer>;
}

export async function fixedInputs(): Promise<FixedInputs> {
  const folder: TemporaryFolder = await temporaryFolder("recorded");
  const cache = process.env["LAMINIX_CACHE_DIR"];
  process.env["LAMINIX_CACHE_DIR"] = folder.join("cache");
  const store = await startFixedStore();
  writePlainFolder(folder.join("plain"));
  const ingredients: Ingredients = {
    path: (name) => store.path(name),
    bases: await writeBaseImages((name) => folder.join(name)),
    folder: folder.join("plain"),
  };
  let files = 0;
  const inputs: FixedInputs = {
    store,
    ingredients,
    newFile: (name) => folder.join(`${files++}-${name}`),
    write: (name, text) => {
      const file = inputs.newFile(name);
      writeFileSync(file, text);
      return file;
    },
    specFile: (spec) => inputs.write("spec.json", JSON.stringify(complete(spec(ingredients)))),
    run: async (args, at = store.disk) => {
      const { code, stdout, stderr } = await runMain([...args, "--store", at, "--quiet"]);
      expect([code, stderr]).toEqual([0, ""]);
      return stdout;
    },
    fileBy: async (args, name = "image.tar") => {
      const output = inputs.newFile(name);
      await inputs.run([...args, "--output", output]);
      return output;
    },
    bytesBy: async (args, name) => readFileSync(await inputs.fileBy(args, name)),
    [Symbol.asyncDispose]: async () => {
      if (cache === undefined) delete process.env["LAMINIX_CACHE_DIR"];
      else process.env["LAMINIX_CACHE_DIR"] = cache;
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return inputs;
}
