import { Readable } from "node:stream";
/* eslint-disable no-control-regex */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cut, hasColours, rendered, styled } from "../../dist/cli/colour.js";
import { visible } from "../../dist/cli/visible.js";
import { archiveOf, layerOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

const ESCAPE = "\x1b[";

let folder: TemporaryFolder;
let archive: string;
let graph: string;
const hello = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello-1";

beforeAll(async () => {
  folder = await temporaryFolder();
  archive = folder.join("image.tar");
  graph = folder.join("graph.json");
  writeFileSync(archive, await archiveOf({ layers: [await layerOf({ a: "a" })], tags: ["it:1"] }));
  const narHash = `sha256:${"0".repeat(52)}`;
  writeFileSync(graph, JSON.stringify([{ path: hello, narHash, narSize: 8, references: [] }]));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("colours", () => {
  const terminal = { isTerminal: true };
  const pipe = { isTerminal: false };

  test("are for terminals that can show them, unless the environment says otherwise", () => {
    expect(hasColours(terminal, {})).toBe(true);
    expect(hasColours(terminal, { TERM: "xterm", NO_COLOR: "", CI: "" })).toBe(true);
    for (const no of [{ NO_COLOR: "1" }, { TERM: "dumb" }, { CI: "true" }, { FORCE_COLOR: "0" }]) {
      expect(hasColours(terminal, no)).toBe(false);
    }
    expect(hasColours(pipe, {})).toBe(false);
    for (const also of [{}, { NO_COLOR: "1" }, { TERM: "dumb" }, { CI: "true" }]) {
      expect(hasColours(pipe, { FORCE_COLOR: "1", ...also })).toBe(true);
    }
  });

  test("are those of parts, and none of what the parts quote", () => {
    const text = ["\x1b[31mtheirs ", styled("warning", "ours\x1b[32m")];
    expect(rendered(text, true, visible)).toBe("theirs \x1b[1;33mours\x1b[0m");
    expect(rendered(text, false, visible)).toBe("theirs ours");
  });

  test("take no room in a line", () => {
    expect(rendered(cut([styled("error", "abc"), "def"], 4), true, visible)).toBe("\x1b[1;31mabc\x1b[0md");
  });

  test("are on a terminal in help, tables and errors, and not in JSON", async () => {
    const isTerminal = true;
    const help = await runMain(["help", "closure"], { isTerminal });
    expect(help.stdout.toString()).toContain("\x1b[1mOptions of every command:\x1b[0m\n");
    const sizes = await runMain(["closure", hello, "--graph", graph, "--sizes"], { isTerminal });
    expect(sizes.stdout.toString()).toMatch(/^\x1b\[1m +NAR +closure +added +path\x1b\[0m\n\x1b\[36m +8 B/);
    const wrong = await runMain(["frobnicate"], { isTerminal });
    expect(wrong.stderr).toMatch(/\x1b\[1;31mlaminix:\x1b\[0m unknown command 'frobnicate'\n/);
    expect(wrong.stderr).toContain("\x1b[36mhint:\x1b[0m ");
    for (const argv of [
      ["closure", hello, "--graph", graph, "--sizes", "--json"],
      ["layers", hello, "--graph", graph, "--json", "--quiet"],
      ["inspect", archive, "--json"],
      ["frobnicate", "--json"],
    ]) {
      const { stdout, stderr } = await runMain(argv, { isTerminal, environment: { FORCE_COLOR: "1" } });
      expect(stdout.toString()).not.toContain(ESCAPE);
      // Progress is drawn over itself.
      expect(stderr.replaceAll("\r\x1b[K", "")).not.toContain(ESCAPE);
    }
  });

  test("are nowhere in pipes, unless they are asked for", async () => {
    for (const argv of [["help"], ["frobnicate"], ["layers", hello, "--graph", graph]]) {
      const plain = await runMain(argv);
      expect(plain.stdout.toString() + plain.stderr).not.toContain("\x1b");
      const forced = await runMain(argv, { environment: { FORCE_COLOR: "1" } });
      expect(forced.stdout.toString() + forced.stderr).toContain(ESCAPE);
    }
  });

  test("of one output do not depend on the other", async () => {
    const { main } = await import("../../dist/cli/main.js");
    let [out, err] = ["", ""];
    const code = await main(["closure", hello, "--graph", graph, "--sizes"], {
      stdin: { isTerminal: false, pieces: () => Readable.from([]) },
      stdout: { isTerminal: false, write: (data) => Promise.resolve(void (out += String(data))) },
      stderr: { isTerminal: true, columns: 80, write: (text) => void (err += text) },
      environment: {},
      signal: new AbortController().signal,
    });
    expect([code, out.includes("\x1b"), err]).toEqual([0, false, "\x1b[32m1 store path, 8 B\x1b[0m\n"]);
  });
});

describeWith(["script", "linux"], "on a real terminal", () => {
  const screen = (prefix: string): string => {
    const command = `${prefix} ${process.execPath} ${path.join(projectRoot, "dist/bundled/laminix.js")} help store`;
    return execFileSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8" });
  };

  test("help has colours, and none with NO_COLOR, TERM=dumb or CI", () => {
    expect(screen("env -u CI TERM=xterm")).toContain("\x1b[1mExamples:\x1b[0m");
    for (const no of ["NO_COLOR=1", "TERM=dumb", "CI=1"]) {
      expect(screen(`env -u CI TERM=xterm ${no}`)).not.toContain("\x1b[1m");
    }
  });
});
