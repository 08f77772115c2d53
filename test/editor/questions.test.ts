import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";

let store: NixStore;
let client: LanguageClient;
let old: string;
let lib: string;
let before: string;
let after: string;

beforeAll(async () => {
  store = await startNixStore();
  old = await store.addTextFile("libfoo-1.1", "old");
  lib = await store.addTextFile("libfoo-1.2", "new");
  before = await store.addTextFile("web-1", `see ${old}`, [old]);
  after = await store.addTextFile("web-2", `see ${old} and ${lib}`, [old, lib]);
  client = await startLanguageClient({
    store: store.uri,
    capabilities: { workspace: { textDocumentContent: {} } },
  });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

test("laminix/store tells the store and its directory", async () => {
  const { storeDir } = store;
  expect(await client.request("laminix/store")).toEqual({ store: store.uri, storeDir });
});

test("laminix/tree has one level of a closure, the largest first", async () => {
  const root = await client.request("laminix/tree", { path: after });
  expect(root).toMatchObject({ path: after, references: 2 });
  expect(root.below.map(({ path }) => path).sort()).toEqual([old, lib].sort());
  const sizes = root.below.map(({ closureSize }) => closureSize);
  expect(root.closureSize).toBe(root.narSize + sizes[0]! + sizes[1]!);
  expect(sizes).toEqual(sizes.toSorted((one, other) => other - one));
  const leaf = await client.request("laminix/tree", { path: after, at: lib });
  expect(leaf).toMatchObject({ path: lib, references: 0, below: [] });
});

test("laminix/duplicates has what a closure has twice, laminix/diff what two have not in common", async () => {
  const [duplicate, ...others] = await client.request("laminix/duplicates", { path: after });
  expect(others).toEqual([]);
  expect(duplicate).toMatchObject({ name: "libfoo", copies: [{ path: old }, { path: lib }] });
  const { changes } = await client.request("laminix/diff", { before, after });
  expect(changes.map(({ name, kind, addedVersions }) => [name, kind, addedVersions])).toEqual([
    ["libfoo", "version", ["1.2"]],
    ["web", "version", ["2"]],
  ]);
});

test("laminix/target leads to a file of the store, or to a report", async () => {
  const file = pathToFileURL(`${store.realStoreDir}/${lib.slice(store.storeDir.length + 1)}`).href;
  expect(await client.request("laminix/target", { path: lib })).toEqual({ uri: file });
  const gone = store.pathFor("gone-1");
  expect(await client.request("laminix/target", { path: gone })).toEqual({ uri: `laminix:${gone}?path` });
});

test("a question about nothing is answered with a code", async () => {
  const failures = await Promise.all([
    client.failure("laminix/tree", {}),
    client.failure("laminix/tree", { path: "/etc" }),
    client.failure("laminix/tree", { path: after, at: 1 }),
    client.failure("laminix/tree", { path: lib, at: after }),
    client.failure("laminix/duplicates", { path: store.pathFor("gone-1") }),
    client.failure("laminix/diff", { before }),
    client.failure("laminix/target", { path: `see ${lib}` }),
  ]);
  expect(failures.map(({ data }) => data?.code)).toEqual([
    ...["ERR_ARGUMENT", "ERR_OUTSIDE_STORE", "ERR_ARGUMENT", "ERR_PATH_NOT_VALID"],
    ...["ERR_PATH_NOT_VALID", "ERR_ARGUMENT", "ERR_ARGUMENT"],
  ]);
});
