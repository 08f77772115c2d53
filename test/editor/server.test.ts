import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CancellationTokenSource, type ResponseError } from "vscode-languageserver-protocol/node";
import { runMain } from "../cli/commandLine.js";
import { type Answers, bin, type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { isAlive } from "../support/processes.js";
import { askAt, at, opened } from "./asking.js";

let store: NixStore;
let client: LanguageClient;
let lib: string;

const HASH = "a".repeat(64);

beforeAll(async () => {
  store = await startNixStore();
  lib = await store.addTextFile("libfoo-1.2", "x");
  client = await startLanguageClient({ store: store.uri });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const codeOf = (error: unknown): unknown => (error as ResponseError<{ code: string }>).data?.code;

describe("the command", () => {
  test("wants --stdio, and says who starts it", async () => {
    const { code, stderr } = await runMain(["lsp"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--stdio");
    expect(stderr).toContain("an editor starts");
  });
});

describe("requests", () => {
  test("that fail are answered with an error that has a code", async () => {
    const failures = await Promise.all([
      client.failure("textDocument/nothing", {}),
      client.failure("textDocument/hover", {}),
      client.failure("textDocument/hover"),
      client.failure("textDocument/hover", {
        textDocument: { uri: "file:///none" },
        position: { line: 0, character: 0 },
      }),
      client.failure("textDocument/hover", {
        textDocument: { uri: "x" },
        position: { line: -1, character: 1e300 },
      }),
      client.failure("workspace/executeCommand", { command: "rm" }),
      client.failure("workspace/executeCommand", { command: "laminix.closure", arguments: ["/etc"] }),
      client.failure("workspace/executeCommand", { command: "laminix.closure", arguments: [{}] }),
      client.failure("workspace/executeCommand", { command: "laminix.layers", arguments: ["\udc00"] }),
      client.failure("workspace/textDocumentContent", { uri: "laminix:/x?y" }),
      client.failure("workspace/textDocumentContent", { uri: `laminix:${store.pathFor("gone-1")}?closure` }),
      client.failure("documentLink/resolve", { range: 1 }),
      client.failure("initialize", {}),
    ]);
    expect(failures.map(codeOf)).toEqual([
      ...[
        "ERR_UNSUPPORTED",
        "ERR_ARGUMENT",
        "ERR_ARGUMENT",
        "ERR_ARGUMENT",
        "ERR_ARGUMENT",
        "ERR_UNSUPPORTED",
      ],
      ...[
        "ERR_OUTSIDE_STORE",
        "ERR_ARGUMENT",
        "ERR_FILE_READ",
        "ERR_ARGUMENT",
        "ERR_PATH_NOT_VALID",
        "ERR_ARGUMENT",
        "ERR_USAGE",
      ],
    ]);
  });

  test("are heard though notifications before them made no sense", async () => {
    await client.notify("textDocument/didOpen", { textDocument: 3 });
    await client.notify("textDocument/didChange", { textDocument: { uri: "x" }, contentChanges: [null] });
    await client.notify("nothing/known", []);
    expect((await askAt(client, "textDocument/hover", at(lib))).contents.value).toContain("libfoo");
  });

  test("that are cancelled say so, and the one that is not is answered", async () => {
    const chain = Array.from({ length: 400 }, (_, i) => store.pathFor(`burst-${i}`));
    await store.registerPaths(
      chain.map((path, i) => ({ path, narHash: HASH, narSize: 1, references: chain.slice(i + 1, i + 9) })),
    );
    const uri = await opened(client, chain.slice(0, 200).join("\n"));
    const asked = Array.from({ length: 200 }, (_, line) => {
      const source = new CancellationTokenSource();
      const params = { textDocument: { uri }, position: { line, character: 50 } };
      return { source, answer: client.request("textDocument/hover", params, source.token) };
    });
    const settled = Promise.allSettled(asked.map(({ answer }) => answer));
    for (const { source } of asked.slice(0, -1)) source.cancel();
    const answers = await settled;
    const last = answers.at(-1) as PromiseFulfilledResult<Answers["textDocument/hover"]>;
    expect(last.value.contents.value).toContain("burst 199");
    const refused = answers.filter((each) => each.status === "rejected");
    for (const { reason } of refused) expect(codeOf(reason)).toBe("ERR_CANCELLED");
    expect(refused.length).toBeGreaterThan(100);
  });

  test("about a text that has changed meanwhile are dropped", async () => {
    let tell = (_settings: object[]): void => undefined;
    const settings = new Promise<object[]>((resolve) => (tell = resolve));
    await using on = await startLanguageClient({
      store: store.uri,
      capabilities: { workspace: { configuration: true } },
      answers: { "workspace/configuration": () => settings },
    });
    const uri = await opened(on, lib);
    // Not answered before the settings are there.
    const failing = on.failure("textDocument/hover", {
      textDocument: { uri },
      position: { line: 0, character: 5 },
    });
    const textDocument = { uri, version: 2 };
    await on.notify("textDocument/didChange", { textDocument, contentChanges: [{ text: `  ${lib}` }] });
    tell([{}]);
    const { code, data } = await failing;
    expect(code).toBe(-32801);
    expect(data?.code).toBe("ERR_CONTENT_MODIFIED");
  });

  test("before initialize and after shutdown are refused", async () => {
    await using other = await startLanguageClient({ store: store.uri });
    await other.ask("shutdown");
    expect(codeOf(await other.failure("textDocument/hover", {}))).toBe("ERR_USAGE");
  });
});

describe("a daemon", () => {
  test("that goes away is told, and asked again when it comes back", async () => {
    await using own = await startNixStore();
    const path = await own.addTextFile("thing-1", "x");
    await using on = await startLanguageClient({ store: own.uri });
    const uri = await opened(on, `${path}\nnothing`);
    const params = (line: number): object => ({ textDocument: { uri }, position: { line, character: 3 } });
    expect(await on.request("textDocument/hover", params(0))).not.toBeNull();
    await own.stopDaemon();
    const failure = await on.failure("textDocument/hover", params(0));
    expect(["ERR_NO_DAEMON", "ERR_DAEMON_DISCONNECTED"]).toContain(failure.data?.code);
    expect(failure.data?.hint).toBeTruthy();
    expect(await on.request("textDocument/hover", params(1))).toBeNull();
    // A text that names no path is none of its business.
    const other = { textDocument: { uri: await opened(on, "{}", { end: ".json" }) } };
    expect(await on.request("textDocument/documentLink", other)).toEqual([]);
    const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
    expect(await on.request("textDocument/inlayHint", { ...other, range })).toEqual([]);
    expect(await askAt(on, "textDocument/completion", "/usr/li|")).toBeNull();
    await own.startDaemon();
    expect((await on.request("textDocument/hover", params(0))).contents.value).toContain("thing 1");
  });

  test("is not asked to hold, build or fetch what is looked at", async () => {
    await using own = await startNixStore();
    const path = await own.addTextFile("thing-1", "x");
    const expression = `derivation { name = "never"; system = builtins.currentSystem; builder = "/bin/sh"; args = ["-c" "exit 0"]; }`;
    const drv = (await own.run("nix-instantiate", ["--expr", expression])).stdout.toString().trim();
    await using on = await startLanguageClient({ store: own.uri });
    for (const each of [path, drv]) await askAt(on, "textDocument/hover", at(each));
    // What is held by a temporary root would be kept.
    const { stdout } = await own.run("nix-store", ["--gc", "--print-dead"]);
    for (const each of [path, drv]) expect(stdout.toString()).toContain(each);
    expect(own.daemonLog()).not.toContain("building");
  });
});

describe("settings", () => {
  test("are asked of the editor, and name another store", async () => {
    await using own = await startNixStore();
    const path = await own.addTextFile("other-1", "x");
    let settings: object = { store: own.uri };
    await using on = await startLanguageClient({
      store: store.uri,
      capabilities: { workspace: { configuration: true } },
      initializationOptions: { trusted: true },
      answers: { "workspace/configuration": () => [settings] },
    });
    expect((await askAt(on, "textDocument/hover", at(path))).contents.value).toMatch(/valid: +yes/);
    settings = {};
    await on.notify("workspace/didChangeConfiguration", { settings: null });
    expect((await askAt(on, "textDocument/hover", at(lib))).contents.value).toMatch(/valid: +yes/);
  });

  test("of a workspace that is not trusted do not say what is connected to", async () => {
    await using on = await startLanguageClient({
      store: store.uri,
      capabilities: { workspace: { configuration: true } },
      initializationOptions: { trusted: false },
      answers: { "workspace/configuration": () => [{ store: "unix:///nowhere", trusted: true }] },
    });
    expect((await askAt(on, "textDocument/hover", at(lib))).contents.value).toMatch(/valid: +yes/);
  });
});

describe("the server ends", () => {
  test("with 0 after shutdown and exit, and with 1 without shutdown", async () => {
    await using orderly = await startLanguageClient({ store: store.uri });
    await orderly.ask("shutdown");
    await orderly.notify("exit");
    expect(await orderly.exited()).toBe(0);
    await using hasty = await startLanguageClient({ store: store.uri });
    await hasty.notify("exit");
    expect(await hasty.exited()).toBe(1);
    expect(hasty.stderr()).toBe("");
  });

  test("when its input is closed, with a daemon's connection open", async () => {
    await using on = await startLanguageClient({ store: store.uri });
    await askAt(on, "textDocument/hover", at(lib));
    on.child.stdin!.end();
    expect(await on.exited()).toBe(1);
  });

  test("when the editor's process is gone, though its pipes are held open", async () => {
    const editor = spawn("sleep", ["1000"]);
    await once(editor, "spawn");
    await using on = await startLanguageClient({ store: store.uri, processId: editor.pid! });
    await askAt(on, "textDocument/hover", at(lib));
    editor.kill("SIGKILL");
    expect(await on.exited()).toBe(1);
    expect(isAlive(on.child.pid!)).toBe(false);
  });

  test("when nobody reads what it says", async () => {
    const child = spawn(process.execPath, [bin, "lsp", "--stdio", "--store", store.uri], { stdio: "pipe" });
    child.stdout.destroy();
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { capabilities: {} },
    });
    child.stdin.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(1);
  });
});
