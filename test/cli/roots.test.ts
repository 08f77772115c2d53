import { afterAll, beforeAll, expect, test } from "vitest";
import { NixStore } from "laminix/store";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

describeWith(["nix-daemon"], "roots", () => {
  let daemon: Daemon;
  let folder: TemporaryFolder;
  let library: string;
  let app: string;
  let link: string;
  beforeAll(async () => {
    daemon = await startNixStore();
    folder = await temporaryFolder("roots");
    library = await daemon.addTextFile("library", "library");
    app = await daemon.addTextFile("app", library, [library]);
    await using store = new NixStore(daemon.uri);
    link = await store.addRoot(app, folder.join("result"));
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });
  const laminix = async (...argv: string[]) => {
    const { code, stdout, stderr } = await runMain(["roots", "--store", daemon.uri, ...argv]);
    return { code, stdout: stdout.toString(), stderr };
  };

  test("draws the chain from each root to the path", async () => {
    expect(await laminix(library)).toEqual({
      code: 0,
      stdout: `${link}\n└───${app}\n    └───${library}\n`,
      stderr: "",
    });
    expect((await laminix(link)).stdout).toBe(`${link}\n└───${app}\n`);
  });

  test("says what nothing keeps alive", async () => {
    const lost = await daemon.addTextFile("lost", "lost");
    expect(await laminix(lost)).toEqual({ code: 0, stdout: `no root keeps ${lost} alive\n`, stderr: "" });
  });

  test("prints one JSON document", async () => {
    expect(JSON.parse((await laminix(library, app, "--json")).stdout)).toEqual([
      { path: library, roots: [{ link, path: app, chain: [app, library] }] },
      { path: app, roots: [{ link, path: app, chain: [app] }] },
    ]);
  });

  test("refuses what is not there", async () => {
    expect(await laminix(daemon.pathFor("missing"))).toMatchObject({ code: 1 });
    expect(await laminix()).toMatchObject({ code: 2 });
  });
});
