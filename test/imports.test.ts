import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { node24Path } from "./support/otherNodes.js";
import { testWith } from "./support/requirements.js";
import { mustRun, projectRoot } from "./support/run.js";
import { temporaryFolder } from "./support/temporary.js";

/** Writes down the URL of each module, from the thread that finds them. */
const hook = `
  import { appendFileSync } from "node:fs";
  export async function resolve(specifier, context, next) {
    const found = await next(specifier, context);
    appendFileSync(process.env.LOADED, found.url + "\\n");
    return found;
  }`;
const registration = `
  import { register } from "node:module";
  register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;

interface Loaded {
  /** Other packages. */
  readonly packages: readonly string[];
  /** Parts of Node. */
  readonly builtins: readonly string[];
  /** Files of `dist/`. */
  readonly files: readonly string[];
  /** Their folders there, or their own names. */
  readonly rooms: readonly string[];
}

/** What a run of Node loads. */
async function loadedBy(args: readonly string[], node = process.execPath, input = ""): Promise<Loaded> {
  await using folder = await temporaryFolder("imports");
  const file = folder.join("loaded");
  const hooked = ["--import", `data:text/javascript,${encodeURIComponent(registration)}`, ...args];
  await mustRun(node, hooked, { cwd: projectRoot, env: { ...process.env, LOADED: file }, input });
  const urls = readFileSync(file, "utf8").trim().split("\n");
  const all = (pattern: RegExp): string[] => [
    ...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? [])),
  ];
  return {
    packages: all(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/),
    builtins: all(/^node:(.*)/),
    files: all(/\/dist\/([^/]+(?:\/[^/]+)*)$/),
    rooms: all(/\/dist\/([^/.]+)/),
  };
}

const importing = (name: string): string[] => [
  "--input-type=module",
  "--eval",
  `await import(${JSON.stringify(name)});`,
];

/** What talks to registries, engines and caches is loaded by those who do so; and the command line by itself alone. */
function expectNoNetwork({ builtins }: Loaded): void {
  for (const name of ["http", "https", "http2", "net", "tls", "readline"])
    expect(builtins).not.toContain(name);
}

describe("what an entry point loads", () => {
  test("laminix: of other packages no more than checks what it is given", async () => {
    const loaded = await loadedBy(importing("laminix"));
    expect(loaded.packages).toEqual(["zod"]);
    expectNoNetwork(loaded);
  });

  testWith(["node24"], "laminix: nor more on another version of Node", async () => {
    const loaded = await loadedBy(importing("laminix"), node24Path());
    expect(loaded.packages).toEqual(["zod"]);
    expectNoNetwork(loaded);
  });

  test.each(["store", "evaluator"])("laminix/%s: no other package, and nothing of images", async (name) => {
    const loaded = await loadedBy(importing(`laminix/${name}`));
    expect(loaded.packages).toEqual([]);
    expectNoNetwork(loaded);
    const below = [
      "exports",
      "disposal",
      "redact",
      "errors",
      "abort",
      "arguments",
      "bytes",
      "threads",
      "process",
      "files",
    ];
    for (const room of loaded.rooms)
      expect([...below, "http", "nar", "compress", "store", "evaluator"]).toContain(room);
  });

  test("laminix has what laminix/store, laminix/evaluator and laminix/image have, and nothing else", async () => {
    const script = `
      const names = async (...modules) =>
        [...new Set((await Promise.all(modules.map((name) => import(name)))).flatMap(Object.keys))].sort();
      const parts = await names("laminix/store", "laminix/evaluator", "laminix/image");
      console.log(JSON.stringify([await names("laminix"), parts]));`;
    const { stdout } = await mustRun(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: projectRoot,
    });
    const [all, parts] = JSON.parse(stdout.toString()) as [string[], string[]];
    expect(all).toEqual(parts);
  });
});

const toEditor = [
  { id: 1, method: "initialize", params: { capabilities: {} } },
  { id: 2, method: "shutdown" },
  { method: "exit" },
]
  .map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }))
  .map((body) => `Content-Length: ${body.length}\r\n\r\n${body}`)
  .join("");

describe("what the command line loads", () => {
  const command = (...args: string[]): Promise<Loaded> => loadedBy(["dist/cli/bin.js", ...args]);

  test("for its version: no command, and no other package", async () => {
    const { packages, files } = await command("--version");
    expect(packages).toEqual([]);
    expect(files.filter((file) => file.startsWith("cli/commands/"))).toEqual([]);
  });

  test("for the help of a command: that one, and nothing that would do what it does", async () => {
    const { packages, files } = await command("push", "--help");
    expect(packages).toEqual(["commander"]);
    expect(files.filter((file) => file.startsWith("cli/commands/"))).toEqual(["cli/commands/push.js"]);
    expect(files).not.toContain("builders/push/pushImage.js");
  });

  test("to serve an editor: the protocol, and nothing that checks specs or speaks HTTP", async () => {
    const loaded = await loadedBy(["dist/cli/bin.js", "lsp", "--stdio"], process.execPath, toEditor);
    expect(loaded.packages.toSorted()).toEqual(["commander", "vscode-jsonrpc"]);
    for (const room of ["spec", "planning", "builders", "http"]) expect(loaded.rooms).not.toContain(room);
  });
});

test("the command line is bundled: it answers an editor from a dozen files, and no other package", async () => {
  const loaded = await loadedBy(["dist/bundled/laminix.js", "lsp", "--stdio"], process.execPath, toEditor);
  expect(loaded.packages).toEqual([]);
  expect(loaded.rooms).toEqual(["bundled"]);
  expect(loaded.files.length).toBeLessThan(15);
});
