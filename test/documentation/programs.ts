/** Blocks of JavaScript and TypeScript as programs: with the imports and the values that the page leaves out. */
import path from "node:path";
import ts from "typescript";
import * as laminix from "../../dist/index.js";
import { projectRoot } from "../support/run.js";
import { type Block, nameOf } from "./blocks.js";

const NODE: Readonly<Record<string, string>> = {
  esbuild: 'import * as esbuild from "esbuild";',
  createReadStream: 'import { createReadStream } from "node:fs";',
  createWriteStream: 'import { createWriteStream } from "node:fs";',
  readFileSync: 'import { readFileSync } from "node:fs";',
  pipeline: 'import { pipeline } from "node:stream/promises";',
};

const EVERYWHERE: Readonly<Record<string, string>> = {
  signal: "const { signal } = new AbortController();",
  onProgress: "const onProgress = (): void => undefined;",
  spec: 'const spec = { name: "web", contents: ["/nix/store/…-hello-2.12.1"] };',
  store: "await using store = await openStore();",
};

const web = 'const app = "/nix/store/…-web-1.1";';

/** What the words of a page stand for; each may name those behind it. */
const GIVEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "closures.md": {
    closure: "const closure = await nixStore.closure(app);",
    app: web,
    openssl: 'const openssl = "/nix/store/…-openssl-3.0.14";',
    glibc: 'const glibc = "/nix/store/…-glibc-2.39";',
    before: 'const before = await nixStore.closure("/nix/store/…-web-1.0");',
    after: 'const after = await nixStore.closure("/nix/store/…-web-1.1");',
  },
  "evaluator.md": {
    system: 'const system = "x86_64-linux";',
    anyString: 'const anyString = "any";',
  },
  "mounts.md": { paths: 'const paths = ["/nix/store/…-web"];' },
  "nar.md": {
    response: 'const response = { body: createReadStream("hello.nar") };',
    source: "const source = nixStore;",
    narHash: "const { narHash, narSize } = info;",
    info: 'const info = await nixStore.pathInfo("/nix/store/…-hello-2.12.1"); if (!info) throw new Error();',
    fetchNar:
      "const fetchNar = (path: string, signal?: AbortSignal) => nixStore.nar(path, { ...(signal && { signal }) });",
  },
  "run-as-root.md": { spec: 'const spec = JSON.parse(readFileSync("redis.json", "utf8"));' },
  "store.md": {
    log: 'const log = "see /nix/store/…-hello-2.12.1/bin/hello";',
    other: "await using other = await openStore();",
    info: 'const info = await nixStore.addText("note", "found by its contents");',
  },
};

export const isProgram = ({ language }: Block): boolean => language === "js" || language === "ts";

export interface Program {
  readonly name: string;
  readonly block: Block;
  readonly source: string;
}

export function programOf(block: Block): Program {
  const given = { ...EVERYWHERE, ...GIVEN[block.page] };
  const lines: string[] = [];
  let all = block.text;
  for (const [name, line] of Object.entries(given)) {
    if (!isUsed(name, all) || isDeclared(name, all)) continue;
    lines.unshift(line);
    all = `${line}\n${all}`;
  }
  const imported = Object.keys(laminix).filter((name) => isUsed(name, all) && !isDeclared(name, block.text));
  const imports = Object.entries(NODE).flatMap(([name, line]) =>
    isUsed(name, all) && !isDeclared(name, block.text) ? [line] : [],
  );
  const fromLaminix = `import { ${imported.join(", ")} } from "laminix";`;
  return {
    name: nameOf(block),
    block,
    source: [...imports, fromLaminix, ...lines, block.text, "export {};"].join("\n"),
  };
}

/** As a value: behind no full stop, in no string and before no colon. */
function isUsed(name: string, text: string): boolean {
  const code = text.replaceAll(/\/\/.*$|"[^"\n]*"|^import .*?;/gm, "");
  return new RegExp(`(?<![\\w-]|(?<!\\.\\.)\\.)${name}\\b(?! *:)`).test(code);
}

function isDeclared(name: string, text: string): boolean {
  return (
    new RegExp(
      `\\b(?:const|let|using|import) (?:type )?(?:\\{[^}=]*|\\[[^\\]]*)?\\b${name}\\b[^;]*(?:=|from)`,
    ).test(text) || new RegExp(`\\bfor (?:await )?\\(const (?:\\{[^}]*)?\\b${name}\\b`).test(text)
  );
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ["node"],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
};

const MODULE: ts.CreateSourceFileOptions = {
  languageVersion: ts.ScriptTarget.ES2022,
  impliedNodeFormat: ts.ModuleKind.ESNext,
};

/** What the compiler says of programs, by their names; those without a word are left out. */
export function complaints(programs: readonly Program[]): Map<string, string[]> {
  const folder = path.join(projectRoot, "test/documentation/blocks");
  const files = new Map(programs.map((program, i) => [path.join(folder, `${String(i)}.mts`), program]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name)?.source ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const own = files.get(name);
    return own ? ts.createSourceFile(name, own.source, MODULE) : getSourceFile(name, ...rest);
  };
  host.getCurrentDirectory = () => projectRoot;
  const compiled = ts.createProgram([...files.keys()], options, host);
  const said = new Map<string, string[]>();
  for (const { file, messageText, start } of ts.getPreEmitDiagnostics(compiled)) {
    const name = (file && files.get(file.fileName)?.name) ?? "";
    const line = file && start !== undefined ? file.text.slice(start).split("\n", 1)[0] : "";
    const text = `${ts.flattenDiagnosticMessageText(messageText, " ")} at: ${line ?? ""}`;
    said.set(name, [...(said.get(name) ?? []), text]);
  }
  return said;
}

/** In JavaScript that every supported Node runs. */
export function transpiled({ source }: Program): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}
