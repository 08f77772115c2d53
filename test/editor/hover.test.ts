import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answers, type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { at, hoverAt } from "./asking.js";

let store: NixStore;
let client: LanguageClient;
let lib: string;
let hello: string;
let drv: string;
let output: string;

const HASH = "a".repeat(64);

beforeAll(async () => {
  store = await startNixStore();
  lib = await store.addTextFile("libfoo-1.2", "x".repeat(3000));
  hello = await store.addTree(
    "hello-2.12.1",
    (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      writeFileSync(`${place}/bin/hello`, "#!/bin/sh\n", { mode: 0o755 });
      symlinkSync("hello", `${place}/bin/hi`);
    },
    { references: [lib] },
  );
  const expression = `derivation {
    name = "greeter-3.0"; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ "out" "dev" ];
    src = builtins.storePath "${lib}";
  }`;
  const { stdout } = await store.run("nix-instantiate", ["--expr", expression]);
  drv = stdout.toString().trim();
  const outputs = (await store.run("nix-store", ["-q", "--outputs", drv])).stdout
    .toString()
    .trim()
    .split("\n");
  output = outputs.find((path) => path.endsWith("-greeter-3.0"))!;
  await store.registerPaths([{ path: output, narHash: HASH, narSize: 10, references: [], deriver: drv }]);
  client = await startLanguageClient({
    store: store.uri,
    capabilities: { textDocument: { hover: { contentFormat: ["markdown", "plaintext"] } } },
  });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const ask = (on: LanguageClient, uri: string, position: object): Promise<Answers["textDocument/hover"]> =>
  on.request("textDocument/hover", { textDocument: { uri }, position });

const hover = (withMark: string, on = client): Promise<Answers["textDocument/hover"]> =>
  hoverAt(on, withMark);

describe("hover", () => {
  test("tells of a path its name, version, size, closure, referrers and signatures", async () => {
    const { contents, range } = await hover(`see ${at(lib)}, it is a library`);
    expect(contents.kind).toBe("markdown");
    expect(contents.value).toContain("**libfoo** 1.2");
    expect(contents.value).toContain("- valid: yes");
    expect(contents.value).toContain("- NAR: 3.11 kB");
    expect(contents.value).toContain("- closure: 3.11 kB, 1 path");
    expect(contents.value).toMatch(
      /- referenced by: 2 paths \((hello-2\.12\.1, greeter-3\.0\.drv|greeter-3\.0\.drv, hello-2\.12\.1)\)/,
    );
    expect(contents.value).toContain("- signatures: none");
    expect(range).toEqual({
      start: { line: 0, character: 4 },
      end: { line: 0, character: 4 + lib.length },
    });
  });

  test("tells of a closure all that is in it", async () => {
    const { contents } = await hover(at(hello));
    expect(contents.value).toMatch(/- closure: 3\.\d\d kB, 2 paths/);
  });

  test("tells of a place in a path what it is, and where a link leads", async () => {
    expect((await hover(`exec ${at(hello)}/bin/hello "$@"`)).contents.value).toContain(
      "- file: 10 B, executable",
    );
    expect((await hover(`exec ${at(hello)}/bin/hi.`)).contents.value).toContain("- link to: `hello`");
    expect((await hover(`${at(hello)}/bin`)).contents.value).toContain("- folder: `bin`");
    expect((await hover(`${at(hello)}/lib`)).contents.value).toContain("there is none of this name");
  });

  test("tells of a derivation its outputs with their validity, its system, builder and inputs", async () => {
    const { contents } = await hover(at(drv));
    expect(contents.value).toContain("**greeter** 3.0 (derivation)");
    expect(contents.value).toContain(`- output out: \`${output}\` (valid)`);
    expect(contents.value).toMatch(/- output dev: `.*-greeter-3\.0-dev` \(not valid\)/);
    expect(contents.value).toContain("- system: `x86_64-linux`");
    expect(contents.value).toContain("- builder: `/bin/sh`");
    expect(contents.value).toContain("- inputs: 0 derivations, 1 source");
    expect((await hover(at(output))).contents.value).toContain(`- deriver: \`${drv}\``);
  });

  test("tells of a path that is not valid that it is not", async () => {
    const { contents } = await hover(at(store.pathFor("gone-1.0")));
    expect(contents.value).toContain("- valid: no");
  });

  test("knows a hash part and a base name that stand alone, and no other words", async () => {
    const base = hello.slice(hello.lastIndexOf("/") + 1);
    expect((await hover(`hash |${base.slice(0, 32)} `)).contents.value).toContain("**hello**");
    expect((await hover(`(|${base}.)`)).contents.value).toContain("**hello**");
    expect(await hover(`hash |${"0".repeat(32)}`)).toBeNull();
    expect(await hover(`x${base.slice(0, 20)}|${base.slice(20)}`)).toBeNull();
    expect(await hover("noth|ing here")).toBeNull();
  });

  test("knows paths in JSON with escaped slashes, at the ends of lines, and before punctuation", async () => {
    const escaped = hello.replaceAll("/", "\\/");
    expect((await hover(`{"a":"${at(escaped, 50)}\\/bin\\/hello"}`)).contents.value).toContain("executable");
    for (const [before, behind] of [
      ["", "\nnext"],
      ["(", ")"],
      ["", "."],
      ["'", "'"],
      ["x=", ";"],
      ["<", ">"],
      ["", ":1:2"],
    ]) {
      const { range } = await hover(`${before}${at(hello)}${behind}`);
      expect(range.end.character - range.start.character).toBe(hello.length);
    }
  });

  test("finds a path on a line of a megabyte", async () => {
    const { range } = await hover(`${"y ".repeat(500_000)}${at(hello)} ${"z".repeat(100_000)}`);
    expect(range.start).toEqual({ line: 0, character: 1_000_000 });
  });

  test("is plain text for an editor that shows no Markdown", async () => {
    await using plain = await startLanguageClient({ store: store.uri });
    const { contents } = await hover(at(lib), plain);
    expect(contents.kind).toBe("plaintext");
    expect(contents.value).toMatch(/^libfoo 1\.2\nvalid: /);
  });

  test("counts columns in UTF-8 where that is agreed on", async () => {
    await using other = await startLanguageClient({
      store: store.uri,
      capabilities: { general: { positionEncodings: ["utf-8", "utf-16"] } },
    });
    expect(other.initialized.capabilities.positionEncoding).toBe("utf-8");
    const uri = "file:///t/utf8.txt";
    const before = "ä€😀 ";
    await other.open(uri, `first\n${before}${hello}`);
    const start = Buffer.byteLength(before);
    const ask = (character: number): Promise<Answers["textDocument/hover"]> =>
      other.request("textDocument/hover", { textDocument: { uri }, position: { line: 1, character } });
    expect((await ask(start + 5)).range.start).toEqual({ line: 1, character: start });
    expect(await ask(start - 2)).toBeNull();
    expect(client.initialized.capabilities.positionEncoding).toBe("utf-16");
    expect((await hover(`${before}${at(hello)}`)).range.start.character).toBe(before.length);
  });

  test("answers for the text as edits have left it", async () => {
    const uri = "file:///t/edited.txt";
    await client.open(uri, `one\r\ntwo\n${hello}`);
    const change = (version: number, contentChanges: object[]): Promise<void> =>
      client.notify("textDocument/didChange", { textDocument: { uri, version }, contentChanges });
    const ask = (line: number, character: number): Promise<Answers["textDocument/hover"]> =>
      client.request("textDocument/hover", { textDocument: { uri }, position: { line, character } });
    expect((await ask(2, 3)).range.start).toEqual({ line: 2, character: 0 });
    const place = (line: number, character: number): object => ({ line, character });
    await change(2, [{ range: { start: place(1, 3), end: place(2, 0) }, text: " " }]);
    expect((await ask(1, 9)).range.start).toEqual({ line: 1, character: 4 });
    await change(3, [
      { range: { start: place(0, 0), end: place(0, 0) }, text: "zero\n\n" },
      { range: { start: place(3, 0), end: place(3, 4) }, text: "" },
    ]);
    expect((await ask(3, 9)).range.start).toEqual({ line: 3, character: 0 });
    await change(4, [{ text: "nothing" }]);
    expect(await ask(0, 3)).toBeNull();
  });

  test("of a large closure the small facts come first, and the closure is read on", async () => {
    const chain = Array.from({ length: 3000 }, (_, i) => store.pathFor(`chain-${i}`));
    await store.registerPaths(
      chain.map((path, i) => ({
        path,
        narHash: HASH,
        narSize: 1000,
        references: chain.slice(i + 1, i + 40),
      })),
    );
    const uri = "file:///t/chain.txt";
    await client.open(uri, chain[0]!);
    let value = "";
    while (!value.includes("3000 paths")) {
      ({ value } = (await ask(client, uri, { line: 0, character: 40 })).contents);
      expect(value).toMatch(/- closure: (3\.00 MB, 3000 paths|is being read; look again soon)/);
      expect(value).toContain("- NAR: 1.00 kB");
    }
  });
});
