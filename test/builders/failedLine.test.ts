import { writeFileSync } from "node:fs";
import { buildImage, buildLayeredImage, GraphStore, type ImageSpec, type RootScriptOptions } from "laminix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failureOf } from "../support/failure.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { inMachine } from "../support/vm.js";

let folder: TemporaryFolder;
let store: GraphStore;
beforeAll(async () => {
  folder = await temporaryFolder("failed-line");
  const unused = `/nix/store/${"0".repeat(32)}-unused`;
  const graph = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
  store = GraphStore.read(folder.join("graph.json"));
});
afterAll(() => folder[Symbol.asyncDispose]());

async function failing(spec: Partial<ImageSpec>): Promise<Awaited<ReturnType<typeof failureOf>>> {
  const output = folder.join("image.tar");
  return failureOf(buildLayeredImage({ name: "scripted", ...spec }, { store, output, cache: false }));
}

const firstEnds = expect.stringContaining("ends at its first command that fails") as string;

describe.each(["extraCommands", "fakeRootCommands"] as const)("%s that fails", (key) => {
  test.each([
    ["prints nothing", "mkdir a\ntest -e b\nmkdir c\n", 1, 2, "test -e b"],
    ["fails in a function", "set -u\nf() {\n  :\n  (exit 7)\n}\nf\n", 7, 4, "(exit 7)"],
    ["fails in a function that a file has", "echo 'g() { false; }' > g\n. ./g\n\ng x\n", 1, 4, "g x"],
    ["fails in parentheses", "(\n cd .\n  false\n  cd .\n)\n", 1, 3, "false"],
    ["fails in a pipe", "true\necho a | grep b | cat\n", 1, 2, "echo a | grep b | cat"],
    ["fails in a command of several lines", "test \\\n  -e \\\n  b\n", 1, 1, "test -e b"],
    ["keeps files as they are", "set -C\nx=$(false; echo 1)\nif false; then :; fi\nfalse\n", 1, 4, "false"],
  ])("and %s tells the line", async (_, text, exitCode, line, command) => {
    const failure = await failing({ [key]: text });
    expect(failure).toMatchObject({
      code: "ERR_SCRIPT",
      message: `${key} failed with exit code ${String(exitCode)} at line ${String(line)}: ${command}`,
      hint: firstEnds,
      details: { exitCode, failed: { line, text: command } },
    });
  });

  test("tells no line where it ends by itself, or before it begins", async () => {
    expect(await failing({ [key]: "x=$(exit 3) || true\nexit 3\n" })).toMatchObject({
      message: `${key} failed with exit code 3`,
      hint: firstEnds,
    });
    const malformed = await failing({ [key]: "true\nif true; then\n" });
    expect(malformed.message).toMatch(
      new RegExp(`^${key} failed with exit code 2; it said last:\n  ${key}: line 3: syntax error`),
    );
  });
});

describe("extraCommands", () => {
  test("have the traps and the BASH_ENV that they would have", async () => {
    const before = process.env["BASH_ENV"];
    writeFileSync(folder.join("env"), "export SEEN=yes\n");
    process.env["BASH_ENV"] = folder.join("env");
    try {
      const text = [
        `test "$SEEN $BASH_ENV" = ${JSON.stringify(`yes ${folder.join("env")}`)}`,
        "trap 'exit 9' ERR",
        `bash -c 'false; test "$(trap -p ERR)" = ""'`,
        "false",
      ].join("\n");
      expect((await failing({ extraCommands: text })).message).toBe("extraCommands failed with exit code 9");
    } finally {
      if (before === undefined) delete process.env["BASH_ENV"];
      else process.env["BASH_ENV"] = before;
    }
  });
});

async function rootFailure(text: string, how: RootScriptOptions): ReturnType<typeof failureOf> {
  const options = { store, output: folder.join("image.tar"), cache: false, runAsRoot: how } as const;
  return failureOf(buildImage({ name: "scripted", runAsRoot: text }, options));
}

const inBusybox = {
  message: "runAsRoot failed with exit code 1 at line 3: test -e /nothing",
  hint: firstEnds,
  details: { failed: { line: 3 } },
};

describeWith(["vm"], "runAsRoot in a machine", () => {
  test("tells the line in busybox's shell", async () => {
    const text = "cd /\n\ntest -e /nothing\necho unreached\n";
    expect(await rootFailure(text, inMachine)).toMatchObject(inBusybox);
  });
});

describeWith(["unshare", "busybox", "root"], "runAsRoot in a namespace", () => {
  test("tells the line in busybox's shell, unless it did not fail there", async () => {
    const text = "cd /\n\ntest -e /nothing\necho unreached\n";
    expect(await rootFailure(text, { isolation: "namespace" })).toMatchObject(inBusybox);
    const own = "trap 'exit 4' EXIT\ntrue\n";
    expect(await rootFailure(own, { isolation: "namespace" })).toMatchObject({
      message: "runAsRoot failed with exit code 4",
    });
  });
});
