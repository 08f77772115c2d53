import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { visible } from "../../dist/cli/visible.js";
import { archiveOf, layerOf, tarOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

/** Sets a terminal's title, clears its screen, begins a sequence in eight-bit form, and writes from right to left. */
const HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eevil";
const HARMLESS = "\\u001b]0;title\\u0007\\u001b[2J\\u009b31m\\u202eevil";
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/;

/** What clears the line that progress was drawn on. */
const ERASED = "\r\x1b[K";
/** The program's own colours. */
// eslint-disable-next-line no-control-regex
const OURS = /\x1b\[(?:0|1|32|36|1;31|1;33)m/g;

/** What is left of a text without what the program adds to it on a terminal. */
const foreign = (text: string): string => text.replaceAll(ERASED, "").replace(OURS, "");

let folder: TemporaryFolder;
let archive: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  archive = folder.join("image.tar");
  const image = { layers: [await layerOf({ a: "a" })], config: { Cmd: [HOSTILE] }, tags: [`${HOSTILE}:1`] };
  writeFileSync(archive, await archiveOf(image));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("text of others on a terminal", () => {
  test("is shown and not obeyed, on standard output as text and as JSON", async () => {
    for (const json of [[], ["--json"]]) {
      const { code, stdout } = await runMain(["inspect", archive, ...json], { isTerminal: true });
      expect(code).toBe(0);
      expect(stdout.toString()).toContain(HARMLESS);
      expect(foreign(stdout.toString())).not.toMatch(CONTROL);
    }
  });

  test("is the same JSON there as elsewhere", async () => {
    const [shown, plain] = await Promise.all(
      [true, false].map((isTerminal) => runMain(["inspect", archive, "--json"], { isTerminal })),
    );
    expect(JSON.parse(shown!.stdout.toString())).toEqual(JSON.parse(plain!.stdout.toString()));
    expect(shown!.stdout.toString()).toContain(HARMLESS);
  });

  test.each([[], ["--json"], ["--verbose"]])("does nothing in an error with %j", async (...flags) => {
    const broken = folder.join("broken.tar");
    writeFileSync(broken, await tarOf([{ name: `../${HOSTILE}`, body: "x" }]));
    for (const isTerminal of [true, false]) {
      const { code, stderr } = await runMain(["inspect", broken, ...flags], { isTerminal });
      expect(code).toBe(1);
      expect(stderr).toContain("evil");
      expect(foreign(stderr)).not.toMatch(CONTROL);
    }
  });

  test("goes to another program as it is", async () => {
    const { stdout } = await runMain(["inspect", archive]);
    expect(stdout.toString()).toContain(`${HOSTILE}:1`);
  });

  test("loses its colours, and nothing else that can be read", () => {
    expect(visible("\x1b[1;31merror:\x1b[0m\tno\r\nyes ✓ ü 日本\n")).toBe("error:\tno\nyes ✓ ü 日本\n");
    expect(visible("50%\r100%")).toBe("50%\\u000d100%");
    expect(visible("\x1b[\x1b[0m2J")).toBe("\\u001b[2J");
  });
});

describeWith(["script", "linux"], "on a real terminal", () => {
  test("neither an image nor an error can steer it", () => {
    const program = path.join(projectRoot, "dist/bundled/laminix.js");
    for (const file of [archive, folder.join(`absent${HOSTILE}`)]) {
      const command = `${process.execPath} ${program} inspect '${file}' || true`;
      const screen = execFileSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8" });
      expect(screen).toContain("evil");
      expect(foreign(screen).replaceAll("\r\n", "\n")).not.toMatch(CONTROL);
    }
  });
});
