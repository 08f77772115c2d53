// Two rules of ESLint over the imports of `src/`: the order of its rooms, and no cycles.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** A room may import from those that stand before it, and from itself. CONTRIBUTING.md says what each is for. */
const rooms = [
  ...[
    "disposal",
    "redact",
    "errors",
    "abort",
    "arguments",
    "format",
    "bytes",
    "progress",
    "threads",
    "process",
    "files",
    "http",
  ],
  ...["nar", "compress", "tar", "tree", "store", "evaluator", "layering", "image", "manifests", "transports"],
  ...["vm", "spec", "root", "planning", "builders", "mounts", "editor", "cli"],
];

/** What users import: src/index.ts and the smaller entry points. They take from every room, and are rooms for nobody. */
const entryPoints = ["index", "exports"];

const source = path.resolve(import.meta.dirname, "../src");

/** The room that a file of `src/` lies in: its folder's name, or its own for a file at the top. */
function roomOf(file) {
  const [first] = path.relative(source, file).split(path.sep);
  return first.replace(/\.[jt]s$/, "");
}

/** The file of `src/` that a specifier names; `undefined` for what is not there. */
function targetOf(file, specifier) {
  if (!specifier.startsWith(".")) return undefined;
  const target = path.resolve(path.dirname(file), specifier).replace(/\.js$/, ".ts");
  return path.relative(source, target).startsWith("..") ? undefined : target;
}

const imports = (visit) => ({
  ImportDeclaration: visit,
  ExportNamedDeclaration: visit,
  ExportAllDeclaration: visit,
  ImportExpression: visit,
});

const order = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      order: "{{from}} may not import from {{to}}: see the rooms' order in scripts/lint-rooms.js",
      unknown: "{{from}} is not in the rooms' order of scripts/lint-rooms.js",
    },
  },
  create(context) {
    const from = roomOf(context.filename);
    if (entryPoints.includes(from)) return {};
    return {
      Program(node) {
        if (!rooms.includes(from)) context.report({ node, messageId: "unknown", data: { from } });
      },
      ...imports((node) => {
        const target = targetOf(context.filename, node.source?.value ?? "");
        if (target === undefined) return;
        const to = roomOf(target);
        if (to === from || (rooms.includes(to) && rooms.indexOf(to) < rooms.indexOf(from))) return;
        context.report({ node, messageId: "order", data: { from, to } });
      }),
    };
  },
};

let files;
/** What each file of `src/` imports, types included; an import on demand is what breaks a cycle, so it does not count. */
function importsOf() {
  files ??= new Map(
    readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => {
        const file = path.join(source, name);
        const specifiers = readFileSync(file, "utf8").matchAll(
          /^(?:import|export)\b[^;"]*?from "([^"]+)";$/gm,
        );
        return [file, [...specifiers].flatMap(([, specifier]) => targetOf(file, specifier) ?? [])];
      }),
  );
  return files;
}

/** The way from a file back to itself, where there is one. */
function cycleThrough(start) {
  const queue = [[start]];
  const seen = new Set();
  for (const way of queue) {
    for (const next of importsOf().get(way.at(-1)) ?? []) {
      if (next === start) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...way, next]);
    }
  }
  return undefined;
}

const cycles = {
  meta: { type: "problem", schema: [], messages: { cycle: "an import cycle: {{way}}" } },
  create(context) {
    return {
      Program(node) {
        const way = cycleThrough(context.filename);
        if (!way) return;
        const names = way.map((file) => path.relative(source, file));
        context.report({ node, messageId: "cycle", data: { way: names.join(" → ") } });
      },
    };
  },
};

export default { rules: { "room-order": order, "no-cycles": cycles } };
