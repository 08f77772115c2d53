import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { inNeovim } from "../support/neovim.js";
import { startNixStore } from "../support/nixStore.js";
import { testWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";

const read = (file: string): string => readFileSync(path.join(projectRoot, file), "utf8");

test.each(["laminix.lua", "laminix-0.7.lua"])("docs/editors.md has the configuration %s as it is", (file) => {
  // Without the comment that says for which Neovim it is.
  const [, ...lines] = read(`editors/neovim/${file}`).trimEnd().split("\n");
  expect(read("docs/editors.md")).toContain(`\`\`\`lua\n${lines.join("\n")}\n\`\`\``);
});

testWith(
  ["nvim", "script", "tmux", "nix-daemon"],
  "docs/editors.md has the screen of a Neovim as it is",
  async () => {
    await using store = await startNixStore({ storeDir: "/nix/store" });
    const filled = (name: string, file: string, size: number, references: string[] = []): Promise<string> =>
      store.addTree(
        name,
        (place) => {
          mkdirSync(path.dirname(`${place}/${file}`), { recursive: true });
          writeFileSync(`${place}/${file}`, "x".repeat(size), { mode: 0o755 });
        },
        { references },
      );
    const glibc = await filled("glibc-2.39", "lib/libc.so.6", 28_000_000);
    const hello = await filled("hello-2.12.1", "bin/hello", 50_000, [glibc]);
    await filled("greeter-1.0", "bin/greeter", 1000, [hello]);
    const screen = await inNeovim<string>({
      release: "installed",
      terminal: true,
      args: ["--store", `${store.uri}?real=${store.realStoreDir}`],
      file: ["start.sh", `#!/bin/sh\nexec ${hello}/bin/hello "$@"\n`],
      script: `
      client.ready()
      client.onto('/nix/store')
      client.hover()
      return client.screen()`,
    });
    // The status lines of Neovim and tmux are theirs.
    const shown = screen
      .split("\n")
      .slice(0, 12)
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd();
    const undated = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\d/g, "DATE");
    expect(undated(read("docs/editors.md"))).toContain(`\`\`\`text\n${undated(shown)}\n\`\`\``);
  },
);
