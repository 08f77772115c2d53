import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { runMain } from "./commandLine.js";

const folder = path.join(projectRoot, "man");
const pages = readdirSync(folder);

describe("the manual pages", () => {
  test("say what the help says", () => {
    const { status, stderr } = spawnSync(process.execPath, ["scripts/man.js", "--check"], {
      cwd: projectRoot,
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("are one of the program and one of each of its commands, and are in the package", async () => {
    const { stdout } = await runMain(["complete", "--", ""]);
    const commands = stdout.toString().match(/^[a-z-]+(?=\t)/gm) ?? [];
    expect(commands.length).toBeGreaterThan(20);
    const expected = ["laminix.1", ...commands.map((command) => `laminix-${command}.1`)];
    expect(pages.toSorted()).toEqual(expected.toSorted());
    const manifest = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8"));
    expect(manifest.files).toContain("man");
    expect(manifest.man.map((page: string) => path.basename(page))).toEqual(pages.toSorted());
  });
});

describeWith(["groff"], "groff", () => {
  test("formats every page without a warning", () => {
    for (const page of pages) {
      const { status, stderr } = spawnSync(
        "groff",
        ["-man", "-Tutf8", "-ww", "-z", path.join(folder, page)],
        {
          encoding: "utf8",
        },
      );
      expect([page, status, stderr]).toEqual([page, 0, ""]);
    }
  });

  test("shows flags and examples as they are typed", () => {
    const text = execFileSync("groff", ["-man", "-Tutf8", "-P-cbou", path.join(folder, "laminix-eval.1")], {
      encoding: "utf8",
    });
    expect(text).toMatch(/^ +--apply <EXPR>$/m);
    expect(text).toContain(
      `laminix eval --file default.nix -A hello --apply 'p: "\${p.pname} \${p.version}"'`,
    );
  });
});
