import { readdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildNixShellImage,
  openStore,
  readCapturedEnvironment,
  streamNixShellImage,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const DRV = "/nix/store/00000000000000000000000000000000-thing.drv";

describe("a shell's image", () => {
  test.each([
    [5, {}, "derivation"],
    [{ env: {} }, {}, "derivation"],
    [DRV, { uid: -1 }, "options.uid"],
    [DRV, { store: 1 }, "options.store"],
    [DRV, { jobs: 0 }, "options.jobs"],
    [DRV, null, "options"],
  ])("is not made of %j with %j", async (derivation, options, argument) => {
    await expect(streamNixShellImage(derivation as never, options as never)).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      details: { argument },
    });
  });

  test("is not written to what is no file, nor compressed as nothing is", async () => {
    await expect(buildNixShellImage(DRV, { output: 1 as never })).rejects.toMatchObject({
      details: { argument: "options.output" },
    });
    await expect(buildNixShellImage(DRV, { output: "x", compressor: "lz" as never })).rejects.toMatchObject({
      details: { argument: "options.compressor" },
    });
  });

  test("is not made of an environment that is not there", async () => {
    await expect(readCapturedEnvironment("/nowhere/env.json")).rejects.toMatchObject({
      code: "ERR_FILE_READ",
    });
    await expect(readCapturedEnvironment(1 as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });
});

describeWith(["nix-store", "nix-daemon", "nix-instantiate"], "a shell's image of a store", () => {
  let store: NixStore;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
    store = await startNixStore();
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function instantiate(expression: string): Promise<string> {
    const { stdout } = await store.run("nix-instantiate", ["--expr", expression]);
    return stdout.toString().trim();
  }
  const bash = 'system = builtins.currentSystem; builder = "/bin/bash";';

  test("needs the derivation's inputs, and tells how to build them", async () => {
    const drv = await instantiate(
      `derivation { name = "thing"; ${bash} dep = derivation { name = "dep"; ${bash} args = [ "-c" "echo >$out" ]; }; }`,
    );
    await using client = await openStore(store.uri);
    await expect(streamNixShellImage(drv, { store: client })).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      message: expect.stringContaining("-dep"),
      details: { derivation: drv },
      hint: expect.stringContaining(`nix-store --query --references ${drv}`),
    });
    await expect(
      buildNixShellImage(drv, { output: folder.join("image.tar"), store: client }),
    ).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
    expect(readdirSync(folder.path)).not.toContain("image.tar");
  });

  test("is not made of a path that is no derivation", async () => {
    const text = await store.addTextFile("text", "Derive(no)");
    await using client = await openStore(store.uri);
    await expect(streamNixShellImage(text, { store: client })).rejects.toMatchObject({
      code: "ERR_DERIVATION",
      details: { path: text },
    });
    await expect(streamNixShellImage(store.pathFor("none.drv"), { store: client })).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
    await expect(streamNixShellImage("/etc/passwd", { store: client })).rejects.toMatchObject({
      code: "ERR_OUTSIDE_STORE",
    });
  });

  test("is asked for on the command line", async () => {
    const ask = async (...args: readonly string[]): Promise<[number, string]> => {
      const { code, stderr } = await runMain(["nix-shell", ...args, "--store", store.uri]);
      return [code, stderr];
    };
    const drv = await instantiate(`derivation { name = "structured"; ${bash} __json = "{}"; }`);
    expect(await ask(drv)).toEqual([1, expect.stringContaining("structured attributes")]);
    expect(await ask(drv, "--run", "a", "--command", "b")).toEqual([1, expect.stringContaining("not both")]);
    expect(await ask(drv, "--compress", "gz")).toEqual([2, expect.stringContaining("--output")]);
    expect(await ask(drv, "--uid", "me")).toEqual([2, expect.stringContaining("--uid")]);
    expect(await ask()).toEqual([2, expect.stringContaining("DRV|ENV.json is missing")]);
    writeFileSync(folder.join("env.json"), '{"name":"x"}');
    expect(await ask(folder.join("env.json"))).toEqual([
      1,
      expect.stringContaining("not a build's environment"),
    ]);
    expect(await ask(folder.join("none.json"))).toEqual([1, expect.stringContaining("cannot be read")]);
    const onScreen = await runMain(["nix-shell", drv], { isTerminal: true });
    expect([onScreen.code, onScreen.stderr]).toEqual([2, expect.stringContaining("terminal")]);
  });
});
