import { NixStore } from "laminix/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";

describeWith(["nix-daemon", "nix-instantiate"], "store.derivation", () => {
  let daemon: Daemon;
  let store: NixStore;
  beforeAll(async () => {
    daemon = await startNixStore();
    store = new NixStore(daemon.uri);
  });
  afterAll(async () => {
    await store.close();
    await daemon[Symbol.asyncDispose]();
  });
  const instantiate = async (expression: string): Promise<string> => {
    const { stdout } = await daemon.run("nix-instantiate", ["-E", expression]);
    return stdout.toString().trim();
  };

  test("tells outputs, inputs, builder and environment", async () => {
    const input = 'derivation { name = "input"; system = "s"; builder = "/b"; outputs = [ "out" "dev" ]; }';
    const path = await instantiate(
      `derivation { name = "it"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "é" ]; ` +
        `text = "größe 😀"; from = (${input}).dev; source = builtins.toFile "source" "text"; }`,
    );
    const derivation = await store.derivation(path);
    expect(derivation).toMatchObject({
      ...{ path, name: "it", system: "x86_64-linux", builder: "/bin/sh", args: ["-c", "é"] },
      outputs: new Map([["out", derivation.env.get("out")]]),
      inputSrcs: [expect.stringMatching(/-source$/)],
    });
    expect([...derivation.inputDrvs]).toEqual([[expect.stringMatching(/-input\.drv$/), ["dev"]]]);
    expect(derivation.env.get("text")).toBe("größe 😀");
    expect("structuredAttrs" in derivation).toBe(false);
  });

  test("tells structured attributes", async () => {
    const path = await instantiate(
      'derivation { name = "it"; system = "s"; builder = "/b"; __structuredAttrs = true; list = [ 1 "é" { a = null; } ]; }',
    );
    expect((await store.derivation(path)).structuredAttrs).toMatchObject({ list: [1, "é", { a: null }] });
  });

  test("refuses what is no derivation", async () => {
    const text = await daemon.addTextFile("text", "text");
    await expect(store.derivation(text)).rejects.toMatchObject({ code: "ERR_DERIVATION" });
    await expect(store.derivation(daemon.pathFor("missing.drv"))).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
    await expect(store.derivation("/elsewhere")).rejects.toMatchObject({ code: "ERR_OUTSIDE_STORE" });
    await expect(store.derivation(5 as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });
});
