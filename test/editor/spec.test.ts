import { existsSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { InlayHint } from "vscode-languageserver-protocol";
import { type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { startPodmanEngine } from "../support/podmanEngine.js";
import { testWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";
import { askAt, complete, opened } from "./asking.js";

let store: NixStore;
let client: LanguageClient;
let lib: string;
let hello: string;

const named = { end: ".laminix.json", languageId: "json" };

beforeAll(async () => {
  store = await startNixStore();
  lib = await store.addTextFile("libfoo-1.2", "x".repeat(5000));
  hello = await store.addTextFile("hello-2.12.1", `see ${lib}`, [lib]);
  client = await startLanguageClient({
    store: store.uri,
    capabilities: { textDocument: { diagnostic: {} } },
  });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

interface Fault {
  readonly severity: number | undefined;
  readonly code: unknown;
  readonly at: string;
  readonly message: string;
}

async function faults(text: string, how = named, on = client): Promise<Fault[]> {
  const uri = await opened(on, text, how);
  const { items } = await on.request("textDocument/diagnostic", { textDocument: { uri } });
  const lines = text.split("\n");
  return items.map(({ range: { start, end }, severity, code, message }) => {
    const at = lines[start.line]!.slice(start.character, start.line === end.line ? end.character : undefined);
    return { severity, code, at, message: message as string };
  });
}

describe("diagnostics", () => {
  test("of paths that do not exist are hints, in any text", async () => {
    const gone = store.pathFor("gone-1");
    expect(await faults(`${hello} ${gone}/x\n${gone}`, { end: ".log", languageId: "log" })).toEqual([
      {
        severity: 4,
        code: "ERR_PATH_NOT_VALID",
        at: `${gone}/x`,
        message: `this store does not have ${gone}`,
      },
      { severity: 4, code: "ERR_PATH_NOT_VALID", at: gone, message: `this store does not have ${gone}` },
    ]);
  });

  test("of a spec tell what the schema says, where the fault is", async () => {
    const text = `{\n "name": "web", "contants": [],\n "maxLayers": "many",\n "config": { "Cmd": "sh", "Entripoint": [] }\n}`;
    const containing = (part: string): string => expect.stringContaining(part) as string;
    expect(await faults(text)).toEqual([
      {
        severity: 1,
        code: "ERR_SPEC_UNKNOWN_KEY",
        at: '"contants"',
        message: 'unknown key "contants"; the nearest known key is "contents"',
      },
      { severity: 1, code: "ERR_SPEC", at: '"many"', message: containing("expected number") },
      { severity: 1, code: "ERR_SPEC", at: '"sh"', message: containing("must be a list of words") },
      { severity: 2, code: "ERR_SPEC", at: '"Entripoint"', message: containing('"Entrypoint"') },
    ]);
    expect((await faults(`{}`)).map(({ message }) => message)).toEqual(["name is missing"]);
    expect(await faults(`{ "name": "web", "contents": ["${hello}"] }`)).toEqual([]);
  });

  test.each([
    [`{ "name": "web" "tag": "1" }`, '"', "a comma is missing before this"],
    [`{ "name": "web", }`, ",", "this comma is one too many"],
    [`{ "name": "web"`, "{", "the } that closes this is missing"],
    [`{ "name" }`, '"name"', "a colon and a value are missing behind this key"],
    [`{ "name": we }`, "we", "we is not JSON"],
    [`{ "name": "we`, '"we', "the end of this string is missing"],
    [``, "", "a value is missing"],
    [`[]`, "[]", "an image spec is an object"],
  ])("of %s tell where it stops being a spec", async (text, at, message) => {
    const [first] = await faults(text);
    expect(first).toMatchObject({ severity: 1, at, message });
  });

  test("know a spec by the schema that it names, too, and which schema it is", async () => {
    const other = { end: ".json", languageId: "json" };
    expect(await faults(`{ "nane": "web" }`, other)).toEqual([]);
    expect(await faults(`{ "$schema": "./node_modules/laminix/dist/spec.schema.json" }`, other)).toHaveLength(
      1,
    );
    const single = `{ "$schema": "https://x.example/laminix/build-image-spec.schema.json", "name": "a", "diskSize": 1 }`;
    expect(await faults(single, other)).toEqual([]);
  });

  test("are sent to an editor that does not ask", async () => {
    await using pushed = await startLanguageClient({ store: store.uri });
    const uri = await opened(pushed, store.pathFor("gone-1"));
    interface Published {
      readonly uri: string;
      readonly diagnostics: readonly unknown[];
    }
    const of = (count: number) => (params: Published) =>
      params.uri === uri && params.diagnostics.length === count;
    await pushed.heard("textDocument/publishDiagnostics", of(1));
    await pushed.notify("textDocument/didClose", { textDocument: { uri } });
    await pushed.heard("textDocument/publishDiagnostics", of(0));
  });
});

describe("keys", () => {
  test("are offered with what they are for, but not twice", async () => {
    const { items, applied } = await complete(client, `{ "name": "web", "co|" }`, named);
    const labels = items.map(({ label }) => label);
    expect(labels).toContain("contents");
    expect(labels).not.toContain("name");
    expect(items.find(({ label }) => label === "contents")!.documentation).toContain("Store paths");
    expect(applied[labels.indexOf("contents")]).toBe(`{ "name": "web", "contents":  }`);
    expect((await complete(client, `{ "config": { | } }`, named)).items.map(({ label }) => label)).toContain(
      "Cmd",
    );
    const piece = await complete(client, `{ "contents": [{ "piece": "fakeNss", "|" }] }`, named);
    expect(piece.items.map(({ label }) => label)).toContain("extraPasswdLines");
  });

  test("have their values offered where these are known", async () => {
    expect((await complete(client, `{ "strategy": "|" }`, named)).applied).toContain(
      `{ "strategy": "balanced" }`,
    );
    expect((await complete(client, `{ "includeNixDB": | }`, named)).applied).toContain(
      `{ "includeNixDB": true }`,
    );
  });

  test("say what they are for", async () => {
    const { contents } = await askAt(client, "textDocument/hover", `{ "max|Layers": 3 }`, named);
    expect(contents.value).toMatch(/^The most layers, .*\n\nDefault: 100$/s);
    expect(await askAt(client, "textDocument/hover", `{ "maxLayers": |3 }`, named)).toBeNull();
  });

  test("are described, every one", async () => {
    const all = async (text: string): Promise<void> => {
      const { items } = await complete(client, text, named);
      expect(items.length).toBeGreaterThan(0);
      expect(items.filter(({ documentation }) => !documentation).map(({ label }) => label)).toEqual([]);
    };
    await all(`{ | }`);
    await all(`{ "config": { | } }`);
    await all(`{ "config": { "Healthcheck": { | } } }`);
    await all(`{ "perms": [ { | } ] }`);
    await all(`{ "contents": [ { | } ] }`);
    await all(`{ "previous": { | } }`);
  });
});

describe("inlay hints", () => {
  test("tell in JSON how large the closures are, in the range that is asked for", async () => {
    const text = `{\n "contents": ["${hello}",\n "${lib}"]\n}`;
    const uri = await opened(client, text, { end: ".json", languageId: "json" });
    const range = { start: { line: 0, character: 0 }, end: { line: 2, character: 0 } };
    let hints: InlayHint[] = [];
    // Those that take long are there when the editor asks again.
    while (hints.length === 0)
      hints = await client.request("textDocument/inlayHint", { textDocument: { uri }, range });
    expect(hints).toEqual([
      {
        position: { line: 1, character: ` "contents": ["${hello}"`.length },
        label: expect.stringMatching(/^5\.\d\d kB, 2 paths$/) as string,
        paddingLeft: true,
      },
    ]);
    const log = await opened(client, text);
    expect(await client.request("textDocument/inlayHint", { textDocument: { uri: log }, range })).toEqual([]);
  });
});

describe("the lens on a spec", () => {
  test("tells the layers, and shows them; nothing is run that the spec says", async () => {
    await using folder = await temporaryFolder("lsp");
    const mark = folder.join("ran");
    const spec = {
      name: "web",
      contents: [hello, "./site"],
      extraCommands: `touch ${mark}`,
      fromImage: "docker://x.invalid/y",
    };
    const uri = await opened(client, JSON.stringify(spec), named);
    const [lens, ...others] = await client.request("textDocument/codeLens", { textDocument: { uri } });
    expect(others).toEqual([]);
    const { command } = await client.request("codeLens/resolve", lens);
    expect(command!.title).toMatch(/^2 layers, 5\.\d\d kB, 2 paths, efficiency 1\.00$/);
    const { text } = await client.request("workspace/executeCommand", command);
    expect(text).toMatch(/^2 layers by balanced, 5\.\d\d kB; efficiency 1\.000\n2 store paths/);
    expect(text).toContain("without what in contents is not in the store, fromImage, extraCommands\n");
    expect(existsSync(mark)).toBe(false);
  });

  test("of a large closure is planned in another process, and no question waits for it", async () => {
    const paths = Array.from({ length: 3000 }, (_, i) => store.pathFor(`many-${i}`));
    await store.registerPaths(
      paths.map((path, i) => ({
        path,
        narHash: "a".repeat(64),
        narSize: 100,
        references: paths.slice(i + 1, i + 5),
      })),
    );
    const uri = await opened(client, JSON.stringify({ name: "web", contents: [paths[0]] }), named);
    const [lens] = await client.request("textDocument/codeLens", { textDocument: { uri } });
    const order: string[] = [];
    const planned = client.request("codeLens/resolve", lens).finally(() => order.push("lens"));
    await askAt(client, "textDocument/hover", `|${hello}`).finally(() => order.push("hover"));
    expect((await planned).command!.title).toMatch(/^\d+ layers, 300 kB, 3000 paths, efficiency/);
    expect(order).toEqual(["hover", "lens"]);
    const { text } = await client.request("workspace/executeCommand", (await planned).command);
    expect(text).toContain("3000 store paths, 300 kB\n");
    // A text that changes has another plan, and one that is closed has none.
    const again = client.failure("codeLens/resolve", lens);
    await client.notify("textDocument/didClose", { textDocument: { uri } });
    expect((await again).data?.code).toMatch(/^ERR_/);
  });

  test("tells what is wrong where there are no layers", async () => {
    const gone = store.pathFor("gone-1");
    const uri = await opened(client, JSON.stringify({ name: "web", contents: [gone] }), named);
    const [lens] = await client.request("textDocument/codeLens", { textDocument: { uri } });
    const { command } = await client.request("codeLens/resolve", lens);
    expect(command!.title).toContain(`${gone}' is not valid`);
  });

  test("builds the image beside the spec where the workspace is trusted, and tells how far it is", async () => {
    await using folder = await temporaryFolder("lsp");
    const answers = { "window/workDoneProgress/create": () => null };
    await using trusted = await startLanguageClient({
      store: store.uri,
      capabilities: { window: { workDoneProgress: true } },
      initializationOptions: { trusted: true },
      answers,
    });
    const text = JSON.stringify({ name: "web", contents: [hello] });
    const file = folder.join("web.laminix.json");
    writeFileSync(file, text);
    const { href: uri } = pathToFileURL(file);
    await trusted.open(uri, text, "json");
    const lenses = await trusted.request("textDocument/codeLens", { textDocument: { uri } });
    expect(lenses.map(({ command }) => command?.title)).toEqual([undefined, "build", "load"]);
    await trusted.request("workspace/executeCommand", lenses[1]!.command);
    expect(existsSync(folder.join("web.tar.gz"))).toBe(true);
    await trusted.heard<{ value: { kind: string } }>("$/progress", ({ value }) => value.kind === "end");
    const failed = await client.failure("workspace/executeCommand", lenses[1]!.command);
    expect(failed.data?.code).toBe("ERR_NOT_TRUSTED");
  });

  testWith(["podman"], "loads the image into the container engine", async () => {
    await using engine = await startPodmanEngine();
    await using trusted = await startLanguageClient({
      store: store.uri,
      initializationOptions: { trusted: true },
      environment: { DOCKER_HOST: engine.host },
    });
    const text = JSON.stringify({ name: "web", tag: "1", contents: [hello] });
    const uri = await opened(trusted, text, named);
    const lenses = await trusted.request("textDocument/codeLens", { textDocument: { uri } });
    const loaded = await trusted.ask("workspace/executeCommand", lenses[2]!.command);
    const { stdout } = await engine.podman(["image", "inspect", "--format", "{{.Id}}", "web:1"]);
    expect(loaded).toMatchObject({
      references: [expect.stringMatching(/web:1$/)],
      imageIds: [`sha256:${stdout.toString().trim()}`],
    });
    // Without an engine, it is an error with a code.
    await engine[Symbol.asyncDispose]();
    expect((await trusted.failure("workspace/executeCommand", lenses[2]!.command)).data?.code).toMatch(
      /^ERR_/,
    );
  });
});

describe("what is shown", () => {
  test("is asked for again when a path of it becomes valid, and when it is collected", async () => {
    await using own = await startNixStore();
    await own.addTextFile("other-1", "x");
    const build = (): Promise<string> => own.addTextFile("late-1", "x");
    const path = await build();
    await own.run("nix-store", ["--delete", path]);
    const refreshes = ["inlayHint", "codeLens", "diagnostic"].map((kind) => `workspace/${kind}/refresh`);
    const refreshSupport = true;
    await using on = await startLanguageClient({
      store: own.uri,
      capabilities: {
        textDocument: { diagnostic: {} },
        workspace: {
          inlayHint: { refreshSupport },
          codeLens: { refreshSupport },
          diagnostics: { refreshSupport },
        },
      },
    });
    const uri = await opened(on, JSON.stringify({ name: "web", contents: [path] }), named);
    const textDocument = { uri };
    const title = async (): Promise<string> => {
      const [lens] = await on.request("textDocument/codeLens", { textDocument });
      return (await on.request("codeLens/resolve", lens)).command!.title;
    };
    const faults = async (): Promise<number> =>
      (await on.request("textDocument/diagnostic", { textDocument })).items.length;
    const refreshed = (): number => on.told.filter(({ method }) => refreshes.includes(method)).length;
    expect([await title(), await faults()]).toEqual([expect.stringContaining("is not valid"), 1]);
    let before = refreshed();
    await build();
    await vi.waitUntil(() => refreshed() === before + 3, { timeout: 20_000 });
    expect([await title(), await faults()]).toEqual([expect.stringMatching(/^1 layer, /), 0]);
    before = refreshed();
    await own.run("nix-store", ["--gc"]);
    await vi.waitUntil(() => refreshed() === before + 3, { timeout: 20_000 });
    expect([await title(), await faults()]).toEqual([expect.stringContaining("is not valid"), 1]);
    // What nothing is told of changes nothing.
    await own.addTextFile("another-1", "x");
    await on.notify("textDocument/didSave", { textDocument });
    await title();
    expect(refreshed()).toBe(before + 3);
  });
});

describe("attributes of a Nix file", () => {
  test("are named as far as they are typed, where the workspace is trusted", async () => {
    await using folder = await temporaryFolder("lsp");
    const file = folder.join("default.nix");
    writeFileSync(file, `{ hello = 1; help = { me = 2; more = throw "no"; }; other = 3; }`);
    const ask = { file, attributePath: [], prefix: "hel", limit: 10 };
    expect((await client.failure("laminix/attributes", ask)).data?.code).toBe("ERR_NOT_TRUSTED");
    await using trusted = await startLanguageClient({
      store: store.uri,
      initializationOptions: { trusted: true },
    });
    expect(await trusted.request("laminix/attributes", ask)).toEqual({
      names: ["hello", "help"],
      isIncomplete: false,
    });
    const inside = { file, attributePath: ["help"], limit: 1 };
    expect(await trusted.request("laminix/attributes", inside)).toEqual({
      names: ["me"],
      isIncomplete: true,
    });
    const wrong = await trusted.failure("laminix/attributes", { file: folder.join("none.nix") });
    expect(wrong.data?.code).toMatch(/^ERR_/);
    await using never = await startLanguageClient({
      store: store.uri,
      initializationOptions: { trusted: true, evaluate: false },
    });
    expect((await never.failure("laminix/attributes", ask)).data?.code).toBe("ERR_NOT_TRUSTED");
  });
});
