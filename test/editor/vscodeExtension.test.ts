/** The packed extension in a window that is made for the test, with the real server and a real daemon. */
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands as serverCommands } from "../../dist/editor/commands.js";
import { findProgram } from "../../editors/vscode/src/findProgram.js";
import { bin } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { isAlive } from "../support/processes.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { memberOf, packExtension } from "../support/vsix.js";
import { type EditorOptions, type TreeItem, Uri, VsCode } from "../support/vscode.js";

let store: NixStore;
let folder: TemporaryFolder;
let code: string;
let old: string;
let lib: string;
let web: string;
let program: string;

beforeAll(async () => {
  folder = await temporaryFolder("vscode");
  store = await startNixStore();
  const vsix = await packExtension(folder.join("laminix.vsix"));
  code = (await memberOf(vsix, "extension/extension.js")).toString();
  old = await store.addTextFile("libfoo-1.1", "old");
  lib = await store.addTextFile("libfoo-1.2", "new");
  web = await store.addTextFile("web-2", `see ${old} and ${lib}`, [old, lib]);
  program = folder.join("bin/laminix");
  mkdirSync(path.dirname(program));
  writeFileSync(program, `#!/bin/sh\necho $$ >"$0.pid"\nexec ${process.execPath} ${bin} "$@"\n`, {
    mode: 0o755,
  });
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

interface Window extends AsyncDisposable {
  readonly vscode: VsCode;
  run(command: string, ...args: unknown[]): Promise<unknown>;
}

async function open(options: EditorOptions = {}): Promise<Window> {
  const settings = { "laminix.path": program, "laminix.store": store.uri, ...options.settings };
  const vscode = new VsCode({ ...options, settings });
  const extension = vscode.load(code);
  const remembered = new Map<string, unknown>();
  const subscriptions: { dispose(): void }[] = [];
  const globalState = {
    get: (key: string, unset: unknown) => remembered.get(key) ?? unset,
    update: async (key: string, value: unknown) => void remembered.set(key, value),
  };
  await extension.activate({ subscriptions, globalState });
  return {
    vscode,
    run: async (command, ...args) => vscode.commands.get(command)!(...args),
    [Symbol.asyncDispose]: async () => {
      await extension.deactivate();
    },
  };
}

const serverId = (): number => Number(readFileSync(`${program}.pid`, "utf8"));
const labels = (items: readonly TreeItem[]): string[] => items.map(({ label }) => label);

test("each command of the manifest is there, and each that the extension adds is in the manifest", async () => {
  const manifest = readFileSync(path.join(projectRoot, "editors/vscode/manifest.json"), "utf8");
  const { contributes } = JSON.parse(manifest) as { contributes: { commands: { command: string }[] } };
  const declared = contributes.commands.map(({ command }) => command).sort();
  await using window = await open();
  const fromServer = Object.keys(serverCommands);
  const own = [...window.vscode.commands.keys()].filter((name) => !fromServer.includes(name));
  expect(own.sort()).toEqual(declared);
  expect(window.vscode.commands.has("laminix.whyDepends")).toBe(true);
  expect(window.vscode.messages).toEqual([]);
});

test("the sidebar shows a closure, the largest first, and what it has twice", async () => {
  await using window = await open();
  const { vscode } = window;
  await window.run("laminix.showClosure", web);
  const [large, ...rest] = await vscode.items("laminix.closure");
  expect(labels([large!, ...rest]).sort()).toEqual(["libfoo-1.1", "libfoo-1.2"]);
  expect(large).toMatchObject({ contextValue: "laminix.path.inClosure", collapsibleState: 0 });
  expect(vscode.views.get("laminix.closure")?.message).toMatch(/^web-2: \d+ B, .*references 2 paths\.$/);
  const [twice] = await vscode.items("laminix.duplicates");
  expect(twice).toMatchObject({ label: "libfoo", description: "2 paths, 240 B" });
  const copies = await vscode.items("laminix.duplicates", twice!.node);
  expect(labels(copies)).toEqual(["1.1", "1.2"]);
  expect(labels(await vscode.items("laminix.duplicates", copies[0]!.node))).toEqual(["web-2"]);
});

test("why a path is in the closure opens as a text to read", async () => {
  await using window = await open();
  const { vscode } = window;
  await window.run("laminix.showClosure", web);
  const item = (await vscode.items("laminix.closure")).find(({ label }) => label === "libfoo-1.2");
  await window.run("laminix.why", item!.node);
  await expect.poll(() => vscode.called.at(-1)?.command).toBe("show");
  const uri = vscode.called.at(-1)!.args[0] as Uri;
  expect(uri.scheme).toBe("laminix");
  const token = {
    isCancellationRequested: false,
    onCancellationRequested: () => ({ dispose: () => undefined }),
  };
  const text = await vscode.contents.get("laminix")!.provideTextDocumentContent(uri, token);
  expect(text).toBe(`${web}\n└───${lib}\n`);
});

test("two paths are compared: typed, by a link, or chosen in the sidebar", async () => {
  await using window = await open({ folders: [folder.path] });
  const { vscode } = window;
  symlinkSync(`${store.realStoreDir}/${path.basename(old)}`, folder.join("result"));
  vscode.answers.push("result", ` ${lib} `);
  await window.run("laminix.compare");
  const [change] = await vscode.items("laminix.diff");
  expect(change).toMatchObject({ label: "libfoo", description: "1.1 → 1.2" });
  expect(labels(await vscode.items("laminix.diff", change!.node))).toEqual(["libfoo-1.1", "libfoo-1.2"]);
  await window.run("laminix.selectForCompare", { path: lib });
  await window.run("laminix.compareWithSelected", { path: web });
  expect(labels(await vscode.items("laminix.diff"))).toEqual(["libfoo", "web"]);
  expect(vscode.messages).toEqual([]);
  vscode.answers.push("/etc/none");
  await window.run("laminix.compare");
  expect(vscode.messages).toEqual(["laminix: /etc/none is no store path, nor a link to one."]);
});

test("store paths in the terminal are links to the file behind them, at the line that is named", async () => {
  await using window = await open();
  const { terminal, called } = window.vscode;
  const module = await store.addTree("source", async (place) => {
    mkdirSync(place);
    writeFileSync(path.join(place, "default.nix"), "1\n2\n3\n");
  });
  const line = `error: at ${module}/default.nix:2:3: see ${lib}.`;
  const [file, whole, ...others] = await terminal!.provideTerminalLinks({ line });
  const textOf = (link: typeof file): string => line.slice(link!.startIndex, link!.startIndex + link!.length);
  expect([textOf(file), textOf(whole), others.length]).toEqual([`${module}/default.nix:2:3`, lib, 0]);
  expect(await terminal!.provideTerminalLinks({ line: "no path" })).toEqual([]);
  await terminal!.handleTerminalLink(file!);
  const [uri, { selection }] = called.at(-1)!.args as [Uri, { selection: { start: object } }];
  expect(uri.fsPath).toBe(`${store.realStoreDir}/${path.basename(module)}/default.nix`);
  expect(selection.start).toMatchObject({ line: 1, character: 2 });
  await terminal!.handleTerminalLink(whole!);
  expect(String(called.at(-1)!.args[0])).toContain(path.basename(lib));
});

test("images are built and loaded in a terminal, by the same program, where the workspace is trusted", async () => {
  await using window = await open({ folders: [folder.path], isTrusted: false });
  const { vscode } = window;
  const spec = Uri.file(folder.join("web.laminix.json"));
  await window.run("laminix.load", spec.toString());
  expect(vscode.messages).toEqual(["laminix: Trust the workspace to load its images."]);
  vscode.isTrusted = true;
  await window.run("laminix.load", spec.toString());
  vscode.answers.push(undefined, Uri.file(folder.join("out.tar.zst")));
  await window.run("laminix.build", spec.toString());
  await window.run("laminix.build", spec.toString());
  expect(vscode.asked[0]?.defaultUri?.fsPath).toBe(folder.join("web.tar.gz"));
  const options = { cwd: folder.path };
  expect(vscode.tasks.map(({ execution }) => execution)).toEqual([
    { process: program, args: ["load", spec.fsPath, "--store", store.uri], options },
    {
      process: program,
      args: ["build", spec.fsPath, "--output", folder.join("out.tar.zst"), "--store", store.uri],
      options,
    },
  ]);
});

test("a root is added at the place that is chosen, once the workspace is trusted", async () => {
  await using window = await open({ folders: [folder.path], isTrusted: false });
  const { vscode } = window;
  const link = folder.join("kept");
  vscode.answers.push(Uri.file(link), Uri.file(link));
  await expect(window.run("laminix.addRoot", lib)).rejects.toThrow("not trusted");
  expect(vscode.asked[0]?.defaultUri?.fsPath).toBe(folder.join("result-libfoo-1.2"));
  vscode.isTrusted = true;
  vscode.granted.fire();
  await window.run("laminix.addRoot", lib);
  expect(readlinkSync(link)).toBe(lib);
});

test("a server that dies is started again; with the window it ends", async () => {
  const window = await open();
  const first = serverId();
  process.kill(first, "SIGKILL");
  await expect.poll(serverId, { timeout: 20_000 }).not.toBe(first);
  const second = serverId();
  await window.run("laminix.showClosure", web);
  expect(labels(await window.vscode.items("laminix.closure"))).toHaveLength(2);
  await window.run("laminix.restart");
  await expect.poll(() => isAlive(second)).toBe(false);
  const third = serverId();
  await window[Symbol.asyncDispose]();
  await expect.poll(() => isAlive(third)).toBe(false);
});

test("where laminix is missing, the user is told once what to do; what is asked for later looks again", async () => {
  const bare = { "laminix.path": folder.join("later") };
  await using window = await open({ settings: bare });
  const { vscode } = window;
  expect(vscode.messages).toEqual([expect.stringContaining("laminix.path must be the absolute path")]);
  await window.run("laminix.showClosure", web);
  expect(vscode.messages).toHaveLength(2);
  vscode.settings = { ...vscode.settings, "laminix.path": program };
  await window.run("laminix.showClosure", web);
  expect(labels(await vscode.items("laminix.closure"))).toHaveLength(2);
  expect(vscode.messages).toHaveLength(2);
});

describe("laminix is looked for", () => {
  const place = (name: string): string => {
    const file = folder.join(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "", { mode: 0o755 });
    return file;
  };

  test("where the setting says, else in a trusted workspace, else in PATH", () => {
    const own = place("project/node_modules/.bin/laminix");
    const system = place("usr/bin/laminix");
    const named = place("opt/laminix");
    const given = {
      configured: "",
      folders: [folder.join("empty"), folder.join("project")],
      trusted: true,
      searchPath: `relative:${folder.path}:${path.dirname(system)}`,
    };
    expect(findProgram({ ...given, configured: named })).toEqual({ program: named });
    expect(findProgram(given)).toEqual({ program: own });
    expect(findProgram({ ...given, trusted: false })).toEqual({ program: system });
    const nowhere = { ...given, searchPath: "" };
    const failures = [
      { ...nowhere, trusted: false },
      { ...nowhere, folders: [] },
      { ...given, configured: "laminix" },
    ].map((each) => findProgram(each));
    expect(failures).toEqual([
      { missing: expect.stringContaining("once you trust the workspace") },
      { missing: expect.stringContaining("npm install") },
      { missing: expect.stringContaining("absolute path") },
    ]);
  });
});
