import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { temporaryFolder } from "../support/temporary.js";
import { askAt, at } from "./asking.js";

let store: NixStore;
let client: LanguageClient;
let lib: string;
let hello: string;

const reading = { workspace: { textDocumentContent: {} } };

beforeAll(async () => {
  store = await startNixStore();
  lib = await store.addTextFile("libfoo-1.2", "x");
  hello = await store.addTextFile("hello-2.12.1", `see ${lib}`, [lib]);
  client = await startLanguageClient({ store: store.uri, capabilities: reading });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const run = (
  on: LanguageClient,
  command: string,
  ...args: string[]
): Promise<{ title: string; uri: string; text: string; link: string }> =>
  on.request("workspace/executeCommand", { command, arguments: args });

test("actions ask about a path, and about it and others nearby", async () => {
  const actions = await askAt(client, "textDocument/codeAction", `${at(hello)} and\n${lib}`);
  expect(actions.map(({ title }) => title)).toEqual([
    "Why does libfoo-1.2 depend on hello-2.12.1?",
    "Why does hello-2.12.1 depend on libfoo-1.2?",
    "Show the closure of hello-2.12.1",
    "Show what references hello-2.12.1",
    "Show what keeps hello-2.12.1 alive",
  ]);
  expect(await askAt(client, "textDocument/codeAction", "no|thing")).toEqual([]);
  const absent = await askAt(client, "textDocument/codeAction", at(store.pathFor("gone-1")));
  expect(absent.map(({ title }) => title)).toEqual(["Show what is known of it"]);
});

test("each action gives a report, which has a name under which it can be read again", async () => {
  const actions = await askAt(client, "textDocument/codeAction", `${at(hello)} and\n${lib}`);
  const texts = new Map<string, string>();
  for (const { title, command } of actions.slice(1)) {
    const report = await client.request("workspace/executeCommand", command);
    const { uri, text } = report;
    expect(uri).toMatch(/^laminix:/);
    expect(await client.request("workspace/textDocumentContent", { uri })).toEqual({ text });
    // Editors escape what they like.
    const rewritten = uri.replace("=", "%3D").replaceAll("-", "%2D");
    expect(await client.request("workspace/textDocumentContent", { uri: rewritten })).toEqual({ text });
    expect(await run(client, "laminix.report", uri)).toEqual(report);
    texts.set(title, text);
  }
  expect(texts.get("Why does hello-2.12.1 depend on libfoo-1.2?")).toBe(`${hello}\n└───${lib}\n`);
  expect(texts.get("Show the closure of hello-2.12.1")).toMatch(/^2 store paths, 320 B\n\n/);
  expect(texts.get("Show what references hello-2.12.1")).toMatch(/^0 paths referencing/);
  expect(texts.get("Show what keeps hello-2.12.1 alive")).toContain("no root keeps");
});

test("where there is no dependency, it is an error with a code; a name will do for the other path", async () => {
  const why = { command: "laminix.whyDepends", arguments: [lib, hello] };
  const { message, data } = await client.failure("workspace/executeCommand", why);
  expect(message).toContain("does not depend on");
  expect(data?.code).toBe("ERR_NO_DEPENDENCY");
  expect((await run(client, "laminix.whyDepends", hello, "libfoo")).text).toContain(lib);
});

test("a derivation is opened as a text", async () => {
  const expression = `derivation { name = "g-1"; system = "x"; builder = "/bin/sh"; a = "b\\nc"; }`;
  const drv = (await store.run("nix-instantiate", ["--expr", expression])).stdout.toString().trim();
  const { title, text } = await run(client, "laminix.derivation", drv);
  expect(title).toBe("g-1.drv");
  expect(text).toContain("builder:\n  /bin/sh\n");
  expect(text).toContain('  a="b\\nc"\n');
});

test("a root is added where the workspace is trusted, and keeps the path", async () => {
  await using folder = await temporaryFolder("lsp");
  const folders = [pathToFileURL(folder.path).href];
  const add = { command: "laminix.addRoot", arguments: [hello] };
  await using other = await startLanguageClient({ store: store.uri, folders });
  expect((await other.failure("workspace/executeCommand", add)).data?.code).toBe("ERR_NOT_TRUSTED");
  await other.notify("laminix/trusted", { trusted: true });
  const { link } = await run(other, "laminix.addRoot", hello);
  expect(link).toBe(folder.join("result-hello"));
  expect((await run(client, "laminix.roots", hello)).text).toContain(`${link}\n`);
  // Nothing that is there is replaced.
  expect((await run(other, "laminix.addRoot", hello)).link).toBe(folder.join("result-hello-2"));
});

test("a report is shown by an editor that can: by its name, or as a file; others are told where it is", async () => {
  const shows = { window: { showDocument: { support: true } } };
  const answers = { "window/showDocument": () => ({ success: true }) };
  const options = { store: store.uri, answers };
  await using both = await startLanguageClient({ ...options, capabilities: { ...reading, ...shows } });
  const { text } = await run(both, "laminix.closure", hello);
  expect((await both.heard<{ uri: string }>("window/showDocument")).uri).toBe(`laminix:${hello}?closure`);
  await using files = await startLanguageClient({ ...options, capabilities: shows });
  await run(files, "laminix.closure", hello);
  const { uri } = await files.heard<{ uri: string }>("window/showDocument");
  expect(readFileSync(fileURLToPath(uri), "utf8")).toBe(text);
  await using told = await startLanguageClient(options);
  await run(told, "laminix.closure", hello);
  const { message } = await told.heard<{ message: string }>("window/showMessage");
  expect(message).toMatch(/^Closure of hello-2\.12\.1: \/.*\/Closure-of-hello-2\.12\.1\.txt$/);
  expect(readFileSync(message.slice(message.indexOf("/")), "utf8")).toBe(text);
  await using quiet = await startLanguageClient({
    ...options,
    capabilities: shows,
    initializationOptions: { reports: "result" },
  });
  expect((await run(quiet, "laminix.closure", hello)).text).toBe(text);
  expect(quiet.told).toEqual([]);
});
