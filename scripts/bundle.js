// Bundles the command line into a few files, dist/bundled: Node takes half a millisecond for each module that it loads, and
// the command line would load a hundred before it answers. The library, and the scripts of threads, stay as they are.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const root = path.resolve(import.meta.dirname, "..");
const bundled = path.join(root, "dist/bundled");

/** The largest files: these modules with all that they import at once, unless a file above has it. */
const files = [
  group("start", compiled("cli/main", "cli/io", "cli/program", "cli/options")),
  // Else there would be hundreds of files of a few lines.
  { name: "common", test: /\/dist\//, minShareCount: 16 },
  group("store", compiled("store/nixStore", "store/sha256")),
  group("editor", compiled("cli/commands/lsp", "editor/server", "editor/hover")),
  group("run", compiled("cli/commands/run")),
  // What reads and writes images; then what plans them, by a spec; then what takes them to a registry.
  group(
    "carry",
    compiled(
      "builders/nixpkgs/confPieces",
      "manifests/imageContents",
      "transports/archive",
      "transports/open",
      "transports/registry/registries",
    ),
  ),
  group("plan", compiled("builders/build/layeredImage", "builders/build/builtImage", "planning/balanced")),
  group("push", compiled("builders/push/preparePush", "builders/push/sendPush", "transports/registry/push")),
];

/** Of undici only what is used here: the whole of it, tests' fakes and `fetch` included, takes longer to load than a push. */
const undici = path.join(root, "node_modules/undici/parts.js");

function partsOfUndici(id) {
  if (id !== undici) return undefined;
  return `
    import buildConnector from "./lib/core/connect.js";
    import Dispatcher from "./lib/dispatcher/dispatcher.js";
    import Pool from "./lib/dispatcher/pool.js";
    import { request } from "./lib/api/index.js";
    Object.assign(Dispatcher.prototype, { request });
    export { buildConnector, Pool };
  `;
}

rmSync(bundled, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  input: { laminix: "dist/cli/bin.js" },
  platform: "node",
  logLevel: "silent",
  plugins: [
    {
      name: "undici",
      resolveId: (source) => (source === "undici" ? undici : undefined),
      load: partsOfUndici,
    },
  ],
});
const { output } = await bundle.generate({
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  comments: false,
  // Stack traces have the names of functions in them.
  minify: {
    mangle: { toplevel: false, keepNames: { function: true, class: true } },
    compress: true,
    codegen: true,
  },
  codeSplitting: { groups: files },
});

/** Files that only name what another one has: whoever loads one loads the other at once, a file fewer to find and read. */
const namings = new Map(
  output.flatMap(({ fileName, code = "" }) => {
    const [, names, from] = /^export\{([^}]*)\}from"\.\/([^"]+)";\s*$/.exec(code) ?? [];
    return names === undefined ? [] : [[fileName, { names: names.split(",").map(naming), from }]];
  }),
);
mkdirSync(bundled);
for (const { fileName, code } of output.filter((each) => !namings.has(each.fileName)))
  writeFileSync(path.join(bundled, fileName), code.replaceAll(/\bimport\(`\.\/([^`]+)`\)/g, loadedAtOnce));

const packages = new Set(
  output
    .flatMap(({ moduleIds = [] }) => moduleIds)
    .flatMap((file) => /.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
);
const licenses = [...packages].sort().map((folder) => {
  const { name, version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${name} has no license in ${folder}`);
  return `${name} ${version}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(path.join(bundled, "LICENSES"), licenses.join(`\n${"-".repeat(80)}\n\n`));

/** `a as b` */
function naming(text) {
  const [theirs, ours = theirs] = text.split(" as ");
  return `${ours}:it.${theirs}`;
}

function loadedAtOnce(loading, fileName) {
  const { names, from } = namings.get(fileName) ?? {};
  return from === undefined ? loading : `import(\`./${from}\`).then(it=>({${names.join(",")}}))`;
}

function compiled(...modules) {
  return new Set(modules.map((name) => path.join(root, "dist", `${name}.js`)));
}

function group(name, modules) {
  return { name, test: (file) => modules.has(file) };
}
