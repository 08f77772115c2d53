import path from "node:path";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/**
 * Which rooms of `src/` each room may import from; a room may always import from itself. `types` marks a room from
 * which only types may come.
 */
const ground = ["redact", "errors", "arguments", "abort", "http", "process", "compress", "files", "nar"];
const rooms = {
  redact: [],
  errors: ["redact"],
  abort: [],
  arguments: ["errors"],
  http: ["errors"],
  process: ["errors", "abort", "arguments"],
  compress: ["errors", "abort", "process"],
  files: ["errors", "abort"],
  nar: ["errors", "abort", "arguments", "files"],
  store: ground,
  evaluator: ["store", ...ground],
  layering: ["redact", "errors", { types: "store" }],
  tar: ground,
  tree: ["tar", "store", ...ground],
  image: ["tree", "tar", "layering", "store", ...ground],
  transports: ["image", "tar", ...ground],
  builders: ["transports", "image", "tree", "tar", "layering", "evaluator", "store", "vm", ...ground],
  vm: ["tree", "tar", ...ground],
  cli: [
    "builders",
    "vm",
    "evaluator",
    "transports",
    "image",
    "store",
    "files",
    "process",
    "errors",
    "redact",
  ],
};

const source = path.resolve(import.meta.dirname, "src");

/** The room that a file of `src/` lies in: its folder's name, or its own for a file at the top. */
function roomOf(file) {
  const [first] = path.relative(source, file).split(path.sep);
  return first.replace(/\.[jt]s$/, "");
}

/** What neither the compiler nor typescript-eslint looks for. */
const common = Object.fromEntries(
  [
    "eqeqeq",
    "no-async-promise-executor",
    "no-control-regex",
    "no-empty",
    "no-irregular-whitespace",
    "no-loss-of-precision",
    "no-misleading-character-class",
    "no-regex-spaces",
    "no-self-assign",
    "no-sparse-arrays",
    "no-unsafe-finally",
    "no-useless-escape",
  ].map((name) => [name, "error"]),
);

const roomRule = {
  meta: { type: "problem", schema: [], messages: { wall: "{{from}} may not import {{what}} from {{to}}" } },
  create(context) {
    const from = roomOf(context.filename);
    const allowed = rooms[from];
    // index.ts, the public face, takes from every room and is a room for nobody.
    if (allowed === undefined && from === "index") return {};

    function check(node) {
      const specifier = node.source?.value;
      if (typeof specifier !== "string" || !specifier.startsWith(".")) return;
      const target = path.resolve(path.dirname(context.filename), specifier);
      if (path.relative(source, target).startsWith("..")) return;
      const to = roomOf(target);
      const typeOnly = node.importKind === "type" || node.exportKind === "type";
      if (to === from || allowed?.includes(to)) return;
      if (typeOnly && allowed?.some((entry) => entry.types === to)) return;
      context.report({ node, messageId: "wall", data: { from, to, what: typeOnly ? "types" : "anything" } });
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

export default defineConfig(
  globalIgnores(["dist/", "build/", ".cache/", "native/", "coverage/"]),
  {
    files: ["src/**/*.ts", "test/**/*.ts", "vitest.config.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: "./tsconfig.test.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      // `import { type T }` would still load the module.
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `for (;;)` says the same without looking like a condition that somebody forgot.
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: "never" }],
      // A string's code points are what spreading it is for here; most strings are names in a file system.
      "@typescript-eslint/no-misused-spread": ["error", { allow: ["string"] }],
      ...common,
    },
  },
  {
    files: ["src/**/*.ts"],
    plugins: { laminix: { rules: { rooms: roomRule } } },
    rules: {
      "laminix/rooms": "error",
      "no-restricted-syntax": [
        "error",
        ...["TemplateLiteral", "Property"].map((place) => ({
          selector: `${place} > MemberExpression[property.name='href']`,
          message: "A URL is shown by redactUrl() of src/redact.ts, since it may hold a password.",
        })),
      ],
      "@typescript-eslint/explicit-module-boundary-types": "error",
    },
  },
  {
    // A library neither prints nor ends its user's process.
    files: ["src/**/*.ts"],
    ignores: ["src/cli/**"],
    rules: {
      "no-console": "error",
      "no-restricted-properties": [
        "error",
        { object: "process", property: "exit" },
        { object: "process", property: "stdout" },
        { object: "process", property: "stderr" },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // Wrong arguments are what many tests are about, and a failed assertion names the line.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["**/*.js"],
    extends: [tseslint.configs.strict],
    rules: common,
  },
);
