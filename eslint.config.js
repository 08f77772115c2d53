import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import laminix from "./scripts/lint-rooms.js";

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

const shownUrls = ["TemplateLiteral", "Property"].map((place) => ({
  selector: `${place} > MemberExpression[property.name='href']`,
  message: "A URL is shown by redactUrl() of src/redact.ts, since it may hold a password.",
}));

export default defineConfig(
  globalIgnores(["dist/", "./build/", ".cache/", "native/", "coverage/"]),
  {
    files: ["src/**/*.ts", "test/**/*.ts", "editors/**/*.ts", "vitest.config.ts"],
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
    plugins: { laminix },
    rules: {
      "laminix/room-order": "error",
      "laminix/no-cycles": "error",
      "no-restricted-syntax": ["error", ...shownUrls],
      "@typescript-eslint/explicit-module-boundary-types": "error",
    },
  },
  {
    // What a command prints itself has no form for `--json`.
    files: ["src/cli/commands/**/*.ts"],
    ignores: ["src/cli/commands/complet*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        ...shownUrls,
        ...[
          "CallExpression[callee.object.property.name=/^std(out|err)$/][callee.property.name='write']",
          "ImportSpecifier[imported.name=/^(writeLines|printBeside|progress)$/]",
        ].map((selector) => ({
          selector,
          message:
            "A command tells people and programs what it has done through the Report of src/cli/report.ts.",
        })),
      ],
    },
  },
  {
    // The documents of `--json` are for types, schemas and the page about them; a command has no time to load them.
    files: ["src/cli/**/*.ts"],
    ignores: ["src/cli/documents/**"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [{ group: ["**/documents/*.js"], allowTypeImports: true, message: "Import types only." }],
        },
      ],
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
