/** Stores on other machines, and binary caches: asked where they are configured, and nowhere else. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { CancellationTokenSource } from "vscode-languageserver-protocol/node";
import { type CacheServer, copyTo, serveCache } from "../support/binaryCache.js";
import { type LanguageClient, marked, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type SshServer, sshStoreUrl, startSshServer } from "../support/sshServer.js";
import { askAt, at, complete, hoverAt, opened } from "./asking.js";

let store: NixStore;
let lib: string;
let hello: string;
let drv: string;
let large: string;

beforeAll(async () => {
  store = await startNixStore();
  lib = await store.addTextFile("libfoo-1.2", "x".repeat(3000));
  hello = await store.addTree(
    "hello-2.12.1",
    (place) => {
      mkdirSync(`${place}/bin/deep`, { recursive: true });
      writeFileSync(`${place}/bin/hello`, "#!/bin/sh\n", { mode: 0o755 });
      writeFileSync(`${place}/bin/with space`, "");
      symlinkSync("hello", `${place}/bin/hi`);
    },
    { references: [lib] },
  );
  large = await store.addTree("large-1", (place) => {
    mkdirSync(place);
    writeFileSync(`${place}/file`, Buffer.alloc(9 << 20));
  });
  const expression = `derivation { name = "greeter-3.0"; system = "x"; builder = "/bin/sh"; }`;
  drv = (await store.run("nix-instantiate", ["--expr", expression])).stdout.toString().trim();
});

afterAll(() => store[Symbol.asyncDispose]());

const hover = async (client: LanguageClient, path: string): Promise<string> =>
  (await hoverAt(client, at(path))).contents.value;

async function everything(client: LanguageClient): Promise<void> {
  const known = await hover(client, hello);
  expect(known).toMatch(/valid: +yes/);
  expect(known).toMatch(/closure: +\d\.\d\d kB, 2 paths/);
  expect(await hover(client, `${hello}/bin/hello`)).toContain("its files are not on this disk");
  expect(await hover(client, store.pathFor("gone-1"))).toMatch(/valid: +no/);
  const derivation = await hover(client, drv);
  expect(derivation).toMatch(/system: +x/);
  expect(derivation).toMatch(/output out: .*-greeter-3\.0 \(not valid\)/);
  const { items, applied } = await complete(client, `exec ${hello}/bin/h|`);
  expect(items.map(({ label }) => label)).toEqual(["hello", "hi"]);
  expect(applied[0]).toBe(`exec ${hello}/bin/hello`);
  expect((await complete(client, `${hello}/|`)).items.map(({ label }) => label)).toEqual(["bin"]);
  // Only names are read, and not for as long as a large path takes.
  expect((await complete(client, `${large}/|`)).items).toEqual([]);
  expect((await complete(client, `${store.pathFor("gone-1")}/|`)).items).toEqual([]);
}

describeWith(["ssh", "sshd", "linux"], "a store behind SSH", () => {
  let server: SshServer;
  let client: LanguageClient;
  beforeAll(async () => {
    server = await startSshServer();
    client = await startLanguageClient({
      store: sshStoreUrl(server, store, { store: store.storeDir }),
      environment: server.env,
    });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test("is asked, though none of its files are here", async () => {
    await everything(client);
    expect(await hover(client, lib)).toContain("referenced by: 1 path (hello-2.12.1)");
    expect((await complete(client, `${store.storeDir}/hel|`)).applied).toEqual([hello]);
  });

  test("is asked again when a text is saved", async () => {
    const gone = store.pathFor("late-1");
    const uri = await opened(client, gone);
    const published = (count: number) => (params: { uri: string; diagnostics: unknown[] }) =>
      params.uri === uri && params.diagnostics.length === count;
    await client.heard("textDocument/publishDiagnostics", published(1));
    await store.registerPaths([{ path: gone, narHash: "a".repeat(64), narSize: 1, references: [] }]);
    await client.notify("textDocument/didSave", { textDocument: { uri } });
    await client.heard("textDocument/publishDiagnostics", published(0));
  });
});

describeWith(["nix"], "a binary cache", () => {
  let server: CacheServer;
  let folder: string;
  beforeAll(async () => {
    folder = `${store.root}/cache`;
    await copyTo(folder, store, [hello, large], { compression: "none" });
    await copyTo(folder, store, ["--derivation", drv]);
    server = await serveCache(folder);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each(["http", "file"])("is asked over %s, of what it knows", async (scheme) => {
    const url = scheme === "http" ? server.url : `file://${folder}`;
    await using client = await startLanguageClient({ store: `${url}?require-sigs=false` });
    await everything(client);
    expect(await hover(client, lib)).not.toContain("referenced by");
    expect((await complete(client, `${store.storeDir}/hel|`)).items).toEqual([]);
    const { data } = await client.failure("workspace/executeCommand", {
      command: "laminix.roots",
      arguments: [lib],
    });
    expect(data?.code).toBe("ERR_UNSUPPORTED");
  });

  test("that does not answer is not waited for, and let go when the question is taken back", async () => {
    server.misbehave = ({ url }) => url!.includes("/nar/");
    await using client = await startLanguageClient({ store: `${server.url}?require-sigs=false` });
    const typed = `${hello}/|`;
    expect(await askAt(client, "textDocument/completion", typed)).toEqual({ isIncomplete: true, items: [] });
    await vi.waitUntil(() => server.busy === 0);
    const source = new CancellationTokenSource();
    const { text, position } = marked(typed);
    const params = { textDocument: { uri: await opened(client, text) }, position };
    const asked = client.request("textDocument/completion", params, source.token);
    await vi.waitUntil(() => server.busy === 1);
    source.cancel();
    await expect(asked).rejects.toMatchObject({ data: { code: "ERR_CANCELLED" } });
    await vi.waitUntil(() => server.busy === 0);
    server.misbehave = () => false;
    expect((await complete(client, typed)).items).toHaveLength(1);
  });

  test("is not asked by a daemon that could fetch from it", async () => {
    const its = `${store.root}/its-cache`;
    mkdirSync(its);
    await using cached = await serveCache(its);
    await using own = await startNixStore({ config: `substituters = ${cached.url}\nrequire-sigs = false` });
    await own.addTextFile("other-1", "x");
    const absent = await own.addTextFile("hello-1", "x");
    await copyTo(its, own, [absent]);
    await own.run("nix-store", ["--delete", absent]);
    await using client = await startLanguageClient({
      store: own.uri,
      capabilities: { textDocument: { diagnostic: {} } },
    });
    expect(await hover(client, absent)).toMatch(/valid: +no/);
    const uri = await opened(client, `"${absent}"`, { end: ".json" });
    const textDocument = { uri };
    const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
    const { items } = await client.request("textDocument/diagnostic", { textDocument });
    expect(items).toHaveLength(1);
    expect(await client.request("textDocument/inlayHint", { textDocument, range })).toEqual([]);
    await client.request("textDocument/documentLink", { textDocument });
    await complete(client, `${absent}/|`);
    await complete(client, `${own.storeDir}/hel|`);
    expect(cached.requests).toEqual([]);
    // It is there for those who do want it.
    await own.run("nix-store", ["--realise", absent]);
    expect(cached.requests).not.toEqual([]);
  });
});
