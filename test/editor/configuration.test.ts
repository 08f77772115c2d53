import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../support/run.js";

const read = (file: string): string => readFileSync(path.join(projectRoot, file), "utf8");

test.each(["laminix.lua", "laminix-0.7.lua"])("docs/editors.md has the configuration %s as it is", (file) => {
  // Without the comment that says for which Neovim it is.
  const [, ...lines] = read(`editors/neovim/${file}`).trimEnd().split("\n");
  expect(read("docs/editors.md")).toContain(`\`\`\`lua\n${lines.join("\n")}\n\`\`\``);
});
