import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { askAt, at, complete, opened } from "./asking.js";
import { addPackages } from "./packages.js";

let store: NixStore;
let client: LanguageClient;
let lib: string;
let hello: string;

const reading = { workspace: { textDocumentContent: {} } };

beforeAll(async () => {
  store = await startNixStore();
  ({ lib, hello } = await addPackages(store));
  client = await startLanguageClient({ store: store.uri, capabilities: reading });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe("definition", () => {
  test("opens the file behind a path, links followed through the store", async () => {
    const there = await askAt(client, "textDocument/definition", `${at(hello)}/bin/hello`);
    expect(there.uri).toBe(pathToFileURL(`${hello}/bin/hello`).href);
    const linked = await askAt(client, "textDocument/definition", `${at(hello)}/bin/foo`);
    expect(linked.uri).toBe(pathToFileURL(`${lib}/lib/libfoo.so`).href);
  });

  test("of a folder, of what is not there, and of what leads out of the store is a report", async () => {
    for (const inside of ["", "/bin", "/nothing", "/bin/away", "/../../etc/passwd"]) {
      const { uri } = await askAt(client, "textDocument/definition", `${at(hello)}${inside}`);
      expect(uri).toBe(`laminix:${hello}?path`);
    }
  });

  test("is nothing where an editor reads no reports, and where there is no path", async () => {
    await using plain = await startLanguageClient({ store: store.uri });
    expect(await askAt(plain, "textDocument/definition", at(hello))).toBeNull();
    expect(await askAt(client, "textDocument/definition", "no|thing")).toBeNull();
  });
});

describe("links", () => {
  test("are where paths are, and lead to files when they are looked at", async () => {
    const first = `${hello}/bin/hello`;
    const uri = await opened(client, `first\n  ${first}, ${lib}.\n`);
    const links = await client.request("textDocument/documentLink", { textDocument: { uri } });
    expect(links.map(({ range }) => range)).toEqual([
      { start: { line: 1, character: 2 }, end: { line: 1, character: 2 + first.length } },
      {
        start: { line: 1, character: 4 + first.length },
        end: { line: 1, character: 4 + first.length + lib.length },
      },
    ]);
    expect(links.every(({ target }) => target === undefined)).toBe(true);
    const [file, folder] = await Promise.all(
      links.map((link) => client.request("documentLink/resolve", link)),
    );
    expect(file!.target).toBe(pathToFileURL(first).href);
    expect(folder!.target).toBe(`laminix:${lib}?path`);
  });

  test("of a large text are those at its beginning", async () => {
    const uri = await opened(client, `${hello}\n${"a line of a log\n".repeat(100_000)}${lib}\n`);
    expect(await client.request("textDocument/documentLink", { textDocument: { uri } })).toHaveLength(1);
  });
});

describe("a store whose files are elsewhere", () => {
  test("has its own paths, and their files are opened where they are", async () => {
    await using other = await startNixStore({ storeDir: "/other/store" });
    const path = await other.addTree("tool-1", (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      writeFileSync(`${place}/bin/tool`, "x");
      symlinkSync(`/other/store/${place.slice(place.lastIndexOf("/") + 1)}/bin/tool`, `${place}/bin/t`);
    });
    expect(path).toMatch(/^\/other\/store\//);
    const uri = `${other.uri}?store=/other/store&real=${other.realStoreDir}`;
    await using on = await startLanguageClient({ store: uri, capabilities: reading });
    const place = pathToFileURL(`${other.realPath(path)}/bin/tool`).href;
    expect((await askAt(on, "textDocument/definition", `${at(path, 30)}/bin/t`)).uri).toBe(place);
    const shown = await askAt(on, "textDocument/hover", `${at(path, 30)}/bin/tool`);
    expect(shown.contents.value).toMatch(/file: +1 B/);
    // Without the folder, the files are nowhere; the store knows the path all the same.
    await using blind = await startLanguageClient({ store: other.uri });
    expect(await askAt(blind, "textDocument/definition", `${at(path, 30)}/bin/t`)).toBeNull();
    expect((await askAt(blind, "textDocument/hover", at(path, 30))).contents.value).toMatch(/valid: +yes/);
  });
});

describe("completion of store paths", () => {
  test("goes by the package's name, and makes the whole path", async () => {
    const { items, applied } = await complete(client, `{"a": "${store.storeDir}/hel|"}`);
    expect(items.map(({ label }) => label)).toEqual(["hello-2.12.1"]);
    expect(items[0]!.filterText).toBe("hello-2.12.1");
    expect(applied).toEqual([`{"a": "${hello}"}`]);
    expect((await complete(client, `x ${store.storeDir}/libf|zzz/lib`)).applied).toEqual([`x ${lib}/lib`]);
  });

  test("goes by the hash part too, and by a part of the name", async () => {
    const begun = hello.slice(0, store.storeDir.length + 8);
    expect((await complete(client, `${begun}|`)).applied).toEqual([hello]);
    expect((await complete(client, `${store.storeDir}/foo|`)).applied).toEqual([lib]);
  });

  test("keeps slashes escaped where they are", async () => {
    const escaped = (path: string): string => path.replaceAll("/", "\\/");
    const { applied } = await complete(client, `{"a":"${escaped(`${store.storeDir}/libf`)}|"}`);
    expect(applied).toEqual([`{"a":"${escaped(lib)}"}`]);
  });

  test("is nothing elsewhere", async () => {
    expect((await complete(client, "/usr/li|")).items).toEqual([]);
    expect((await complete(client, "hel|")).items).toEqual([]);
  });

  test("knows a path soon after it was added", async () => {
    expect((await complete(client, `${store.storeDir}/newcomer|`)).items).toEqual([]);
    const path = await store.addTextFile("newcomer-1", "x");
    let applied: string[] = [];
    while (!applied.includes(path)) ({ applied } = await complete(client, `${store.storeDir}/newcomer|`));
  });
});

describe("completion of files in a store path", () => {
  const escaped = (path: string): string => path.replaceAll("/", "\\/");

  test("offers what is in the folder that has been written", async () => {
    const { items, applied } = await complete(client, `exec ${hello}/bin/|`);
    expect(items.map(({ label, kind }) => [label, kind])).toEqual([
      ["away", 18],
      ["foo", 18],
      ["hello", 17],
    ]);
    expect(applied[2]).toBe(`exec ${hello}/bin/hello`);
    const [folder, ...others] = (await complete(client, `"${hello}/|"`)).items;
    expect([folder!.label, folder!.kind, others]).toEqual(["bin", 19, []]);
    expect((await complete(client, `exec ${hello}/bin/he|nlo -x`)).applied).toEqual([
      `exec ${hello}/bin/hello -x`,
    ]);
    expect((await complete(client, `{"a":"${escaped(`${hello}/bin/fo`)}|"}`)).applied).toEqual([
      `{"a":"${escaped(`${hello}/bin/foo`)}"}`,
    ]);
  });

  test("follows links, but not out of the store", async () => {
    const path = await store.addTree("linked-1", (place) => {
      mkdirSync(`${place}/real`, { recursive: true });
      for (const name of [".hidden", "not a word", "plain"]) writeFileSync(`${place}/real/${name}`, "");
      symlinkSync("real", `${place}/relative`);
      symlinkSync(`${lib}/lib`, `${place}/lib`);
      symlinkSync("/etc", `${place}/etc`);
    });
    const names = async (inside: string): Promise<string[]> =>
      (await complete(client, `${path}/${inside}|`)).items.map(({ label }) => label);
    // A path in a text ends at a space.
    expect(await names("relative/")).toEqual([".hidden", "plain"]);
    expect(await names("relative/.")).toEqual([".hidden"]);
    expect(await names("lib/")).toEqual(["libfoo.so"]);
    for (const inside of ["etc/", "none/", "real/plain/", "../", "real/../../"])
      expect(await names(inside)).toEqual([]);
  });

  test("of a large folder are some, and more with more typed", async () => {
    const path = await store.addTree("many-1", (place) => {
      mkdirSync(place);
      for (let i = 0; i < 300; i++) writeFileSync(`${place}/file-${i}`, "");
    });
    const list = await askAt(client, "textDocument/completion", `${path}/fi|`);
    expect(list).toMatchObject({ isIncomplete: true, items: { length: 200 } });
    expect(await askAt(client, "textDocument/completion", `${path}/file-29|`)).toMatchObject({
      isIncomplete: false,
      items: { length: 11 },
    });
  });
});
