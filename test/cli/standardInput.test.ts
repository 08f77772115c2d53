import { readdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveOf, tarOf } from "../support/images.js";
import { run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type Outcome, runMain } from "./commandLine.js";

let folder: TemporaryFolder;
let archive: Buffer;
let graph: string[];
const TMPDIR = process.env["TMPDIR"];
beforeAll(async () => {
  folder = await temporaryFolder("standard-input");
  process.env["TMPDIR"] = folder.path;
  archive = await archiveOf({ layers: [await tarOf([{ name: "motd", body: "hello\n" }])] });
  writeFileSync(folder.join("image.tar"), archive);
  const unused = `/nix/store/${"0".repeat(32)}-unused`;
  const closure = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
  writeFileSync(folder.join("graph.json"), JSON.stringify(closure));
  graph = ["--graph", folder.join("graph.json")];
});
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
  await folder[Symbol.asyncDispose]();
});

const SPEC = '\n {"name":"piped","tag":"1","config":{"Cmd":["/bin/date"]}}';

/** Nothing of it is left behind. */
async function given(argv: readonly string[], input: string | Uint8Array): Promise<Outcome> {
  const before = readdirSync(folder.path);
  const outcome = await runMain(argv, { input });
  expect(readdirSync(folder.path).filter((name) => !before.includes(name) && name !== "out.tar")).toEqual([]);
  return outcome;
}

describe("an archive from standard input", () => {
  test.each([
    ["inspect", ["inspect", "--json"]],
    ["validate", ["validate", "--json"]],
    ["export", ["export"]],
    ["merge", ["merge", "-o", "-"]],
    ["push", ["push", "--dry-run", "--json"]],
  ])("is taken by %s as a file is", async (_, [name = "", ...flags]) => {
    const rest = name === "push" ? ["127.0.0.1:1/app:1"] : [];
    for (const dash of ["-", "/dev/stdin"]) {
      const piped = await given([name, ...flags, dash, ...rest], archive);
      const named = await runMain([name, ...flags, folder.join("image.tar"), ...rest]);
      expect(piped.stdout.equals(named.stdout)).toBe(true);
      expect(piped.code).toBe(named.code);
      expect(piped.stderr.replaceAll("standard input", "FILE")).toBe(
        named.stderr.replaceAll(folder.join("image.tar"), "FILE"),
      );
    }
  });

  test("is a base by --from-image", async () => {
    const base = (place: string): string[] => [
      "build",
      "--name",
      "x",
      "-o",
      folder.join("out.tar"),
      "--json",
      "--from-image",
      place,
    ];
    const spec = folder.join("empty.json");
    writeFileSync(spec, "{}");
    const piped = await given([...base("-"), ...graph, spec], archive);
    const named = await runMain([...base(folder.join("image.tar")), ...graph, spec]);
    expect(piped.code).toBe(0);
    expect(piped.stdout.toString()).toBe(named.stdout.toString());
    const twice = await given([...base("-"), ...graph, "-"], archive);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("named twice")]);
  });

  test("comes through a pipe to the program", async () => {
    const bin = new URL("../../dist/bundled/laminix.js", import.meta.url).pathname;
    const line = 'cat "$1" | "$2" "$3" inspect - --json';
    const { stdout, code } = await run("sh", [
      "-c",
      line,
      "sh",
      folder.join("image.tar"),
      process.execPath,
      bin,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({ images: [{ layers: [{}] }] });
  });

  test("is read within the budget for unpacking, and may not be empty, anything else, or twice there", async () => {
    const failures: [string[], string | Uint8Array, RegExp, number][] = [
      [
        ["inspect", "-", "--max-unpacked", "100"],
        archive,
        /unpacking standard input takes more than 100 bytes/,
        1,
      ],
      [["inspect", "-"], "", /standard input is empty/, 1],
      [["inspect", "-"], Buffer.alloc(10_240), /laminix: standard input holds no image/, 1],
      [["merge", "-", "-", "-o", folder.join("out.tar")], archive, /standard input can be read only once/, 2],
    ];
    for (const [argv, input, message, code] of failures) {
      const outcome = await given(argv, input);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).toBe(code);
    }
  });

  test("is not waited for at a terminal", async () => {
    for (const argv of [
      ["inspect", "-"],
      ["layers", "-"],
    ]) {
      const { code, stderr } = await runMain([...argv, ...graph], {
        isTerminal: true,
        environment: { NO_COLOR: "1" },
      });
      expect(code).toBe(2);
      expect(stderr).toMatch(/standard input is a terminal[^]*hint: pipe into it/);
    }
  });
});

describe("a spec from standard input", () => {
  test("is taken by layers, stream, build and index, as one in a file is", async () => {
    writeFileSync(folder.join("spec.json"), SPEC);
    const output = folder.join("out.tar");
    for (const argv of [
      ["layers", "--json"],
      ["stream"],
      ["build", "-o", output],
      ["index", "-o", "-", "--format", "oci-archive"],
    ]) {
      const piped = await given([...argv, "-", ...graph], SPEC);
      const named = await runMain([...argv, folder.join("spec.json"), ...graph]);
      expect(piped).toEqual(named);
      expect(piped.code).toBe(0);
    }
  });

  test("is told by its first letter, stands alone, and is called standard input", async () => {
    const failures: [string[], string | Uint8Array, RegExp][] = [
      [["stream", "-"], archive, /standard input is not a spec in JSON: it does not begin with \{/],
      [["stream", "-"], " ", /standard input is not a spec in JSON: it is empty/],
      [["layers", "-"], "{", /laminix: standard input is not/],
      [["layers", "-", "./x"], SPEC, /stands alone/],
      [["layers", "-", "/dev/stdin"], SPEC, /named twice/],
    ];
    for (const [argv, input, message] of failures) {
      const outcome = await given([...argv, ...graph], input);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).not.toBe(0);
    }
  });
});

describe("a file that is not there", () => {
  const nowhere = ["-o", "/no/such/folder/x"];
  test.each([
    ["build", ["build", "nothere.json", ...nowhere]],
    ["build-image", ["build-image", "nothere.json", ...nowhere]],
    ["stream", ["stream", "nothere.json"]],
    ["push", ["push", "nothere.tar", "127.0.0.1:1/app:1"]],
    ["load", ["load", "nothere.tar", "--host", "unix:///no/such.sock"]],
    ["merge", ["merge", "nothere.tar", ...nowhere]],
    ["export", ["export", "nothere.tar", ...nowhere]],
  ])("is what %s tells first", async (_, argv) => {
    const { code, stderr } = await runMain(argv);
    expect(stderr).toMatch(/^laminix: nothere\.\w+ cannot be read: no such file\n/);
    expect(code).toBe(1);
  });
});

test("an argument that is missing is told of in the same words everywhere", async () => {
  for (const [argv, name] of [
    [["inspect"], "ARCHIVE|REF"],
    [["why-depends"], "FROM"],
    [["closure"], "PATH"],
    [["build-image", "-o", "x"], "SPEC"],
  ] as const) {
    expect((await runMain(argv)).stderr).toContain(`laminix: ${name} is missing\n`);
  }
});
