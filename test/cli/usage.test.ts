import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

const images = [
  "stream",
  "build",
  "build-image",
  "nix-shell",
  "layers",
  "inspect",
  "export",
  "merge",
  "pull",
  "lock",
  "index",
];
const questions = ["closure", "referrers", "tree", "why-depends", "diff", "duplicates"];
const steps = ["stream-conf", "conf", "customise", "blob"];
const others = ["store", "roots", "hold", "eval", "realise", "cache", "lsp", "run", "mounts", "help"];
const commands = [...images, "load", "push", "validate", ...questions, ...steps, ...others];

/** The text below a heading. */
function below(heading: string, help: string): string {
  return new RegExp(`^${heading}\\n((?:  .*\\n)+)`, "m").exec(help)?.[1] ?? "";
}

describe("the command line's help", () => {
  test.each([[[]], [["--help"]], [["-h"]]])(
    "is printed for %j, with every command and some examples",
    async (argv) => {
      const { code, stdout, stderr } = await runMain(argv);
      expect([code, stderr]).toEqual([0, ""]);
      for (const command of commands) expect(stdout.toString()).toMatch(new RegExp(`^  ${command}\\b`, "m"));
      expect(stdout.toString()).toContain("laminix stream ./result");
    },
  );

  test.each(commands)("is printed for %s, with the options that all commands have", async (command) => {
    const { code, stdout } = await runMain([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout.toString()).toContain(`Usage: laminix ${command}`);
    for (const option of ["--store", "--graph", "--jobs", "--json", "--quiet", "--verbose", "--help"]) {
      expect(stdout.toString()).toContain(option);
    }
  });

  test.each(["stream", "build", "layers"])(
    "of %s has every flag that describes an image",
    async (command) => {
      const { stdout } = await runMain([command, "--help"]);
      const flags =
        "--name --tag --cmd --entrypoint --env --user --workdir --label --expose --volume --from-image --max-layers " +
        "--strategy --pipeline --created --mtime --architecture --uid --gid --uname --gname --no-include-store-paths " +
        "--snapshotter";
      for (const flag of flags.split(" "))
        expect(stdout.toString()).toMatch(new RegExp(`^ +${flag}\\b`, "m"));
    },
  );

  test.each(questions)("of %s says what its answer looks like, with an example", async (command) => {
    const { stdout } = await runMain([command, "--help"]);
    expect(stdout.toString()).toMatch(/With --json/);
    expect(stdout.toString()).toContain(`Example:\n  laminix ${command} ./result`);
  });

  test.each(commands)("of %s ends with examples of it", async (command) => {
    const { stdout } = await runMain([command, "--help"]);
    const lines = stdout.toString().trimEnd().split("\n");
    const examples = lines.slice(lines.findLastIndex((line) => /^Examples?:$/.test(line)) + 1);
    expect(examples[0]).toMatch(/laminix /);
    for (const line of examples) expect(line).toMatch(new RegExp(`^  .*laminix ${command}\\b`));
  });

  test.each(["stream", "build", "load", "push", "layers", "build-image"])(
    "of %s begins with the ten options that are needed most, or fewer",
    async (command) => {
      const help = (await runMain([command, "--help"])).stdout.toString();
      const first = below("Options:", help).match(/^ {2}-.*/gm) ?? [];
      expect(first.length).toBeGreaterThanOrEqual(7);
      expect(first.length).toBeLessThanOrEqual(10);
      expect(first.join("\n")).toMatch(/--cmd[^]*--env[^]*--from-image/);
      expect(help.indexOf("\nOptions:")).toBeLessThan(
        help.indexOf("\nMore of the container's configuration:"),
      );
      expect(below("Options of every command:", help)).toContain("--json");
      expect(below("More of the container's configuration:", help)).toContain("--label");
    },
  );

  test("is what help COMMAND prints", async () => {
    for (const command of ["build", "closure"]) {
      expect(await runMain(["help", command])).toEqual(await runMain([command, "--help"]));
    }
    for (const argv of [["help"], ["help", "--quiet"]])
      expect(await runMain(argv)).toEqual(await runMain([]));
  });

  test("lists each command in a line that a terminal has room for", async () => {
    const { stdout } = await runMain([]);
    expect(below("Images:", stdout.toString())).toMatch(/^ {2}push {2,}push an image/m);
    for (const line of below("Images:", stdout.toString()).split("\n")) expect(line.length).toBeLessThan(81);
  });

  test("tells the package's version", async () => {
    const { version } = JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8"));
    for (const flag of ["--version", "-V"]) {
      expect(await runMain([flag])).toEqual({ code: 0, stdout: Buffer.from(`${version}\n`), stderr: "" });
    }
  });
});

describe("wrong usage", () => {
  test.each<[string[], RegExp]>([
    [["frobnicate"], /unknown command 'frobnicate'/],
    [["steam", "x"], /unknown command 'steam'/],
    [["help", "frobnicate"], /unknown command 'frobnicate'/],
    [["stream", "--nmae", "x", "y"], /unknown option '--nmae'/],
    [["stream"], /a SPEC or a PATH is missing/],
    [["closure"], /PATH is missing/],
    [["duplicates"], /PATH is missing/],
    [["tree"], /PATH is missing/],
    [["why-depends", "a"], /TO is missing/],
    [["diff", "a"], /NEW is missing/],
    [["diff", "a", "b", "c"], /too many arguments/],
    [["stream-conf"], /CONF is missing/],
    [["stream-conf", "a", "b"], /too many arguments/],
    [["stream-conf", "a", "--compress", "gz"], /--compress needs --output/],
    [["conf", "-o", "x"], /ATTRS is missing/],
    [["conf", "x"], /required option '-o, --output <FILE>' not specified/],
    [["lock", "x", "-o", "y", "--platform", "linux"], /'linux' is invalid.*linux\/arm\/v7/],
    [["blob", "x", "-o", "y"], /required option '--size <BYTES>' not specified/],
    [["inspect"], /ARCHIVE\|REF is missing/],
    [["build", "x"], /required option '-o, --output <FILE>' not specified/],
    [["build", "x", "-o"], /argument missing/],
    [["stream", "x", "--max-layers", "many"], /'many' is invalid.*whole number/],
    [["stream", "x", "--max-layers", "-1"], /whole number|argument missing/],
    [["stream", "x", "--uid", "1.5"], /'1\.5' is invalid/],
    [["stream", "x", "--jobs", "0"], /'0' is invalid.*1 or more/],
    [["stream", "x", "--strategy", "best"], /'best' is invalid.*auto, popularity/],
    [["store", "--graph", "x"], /--graph has no effect here/],
    [["eval"], /one of EXPR, --file and --flake is needed/],
    [["eval", "1", "--file", "x"], /one of EXPR, --file and --flake is needed/],
    [["eval", "1", "-A", "x"], /--attr goes with --file/],
    [["eval", "1", "--prefix", "x"], /--prefix goes with --keys/],
    [["eval", "1", "--limit", "5"], /--limit goes with --keys/],
    [["eval", "1", "--keys", "--limit", "x"], /whole number/],
    [["eval", "1", "--keys", "--apply", "x: x"], /--keys does not go with --apply/],
    [["eval", "--file", "x", "-A", "a", "-A", "b", "--keys"], /--keys takes one --attr/],
    [["eval", "1", "--arg", "x"], /--arg needs a name and a value/],
    [["eval", "1", "--graph", "x"], /--graph has no effect here/],
    [["realise"], /either INSTALLABLEs or --file are needed/],
    [["realise", "x", "--file", "y"], /either INSTALLABLEs or --file are needed/],
    [["realise", "x", "-A", "y"], /--attr goes with --file/],
    [["--quiet", "store"], /unknown option '--quiet'/],
  ])("%j ends with 2, a message and a hint, and nothing on standard output", async (argv, message) => {
    const { code, stdout, stderr } = await runMain(argv);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^laminix: .+\n(hint: .+\n)?$/);
    expect([code, stdout.length]).toEqual([2, 0]);
  });

  test("has a hint at what was probably meant", async () => {
    expect((await runMain(["steam"])).stderr).toBe(
      "laminix: unknown command 'steam'\nhint: Did you mean stream?\n",
    );
    expect((await runMain(["help", "steam"])).stderr).toMatch(/hint: Did you mean stream\?/);
    expect((await runMain(["stream", "--nam", "x"])).stderr).toMatch(/hint: Did you mean --name\?/);
  });

  test("is told as JSON where that was asked for", async () => {
    const { code, stdout, stderr } = await runMain(["stream", "--json", "--nam", "x"]);
    expect([code, stdout.length]).toEqual([2, 0]);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "ERR_USAGE", message: "unknown option '--nam'", hint: "Did you mean --name?" },
      warnings: [],
    });
    expect(stderr.trimEnd()).not.toContain("\n");
  });
});

describe("a failure", () => {
  test("ends with 1, a message, a hint, and no stack", async () => {
    await using folder = await temporaryFolder();
    const { code, stderr } = await runMain([
      "closure",
      "/nix/store/x",
      "--graph",
      folder.join("absent.json"),
    ]);
    expect(code).toBe(1);
    expect(stderr).toBe(`laminix: ${folder.join("absent.json")} cannot be read\n`);
  });

  test("says as JSON what it is", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("graph.json"), "[]");
    const argv = ["closure", "/usr/bin/env", "--graph", folder.join("graph.json"), "--json"];
    const { code, stderr } = await runMain(argv);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "ERR_OUTSIDE_STORE",
        message: expect.stringContaining("/usr/bin/env"),
        hint: expect.any(String),
      },
      warnings: [],
    });
  });

  test("says where it comes from when asked to", async () => {
    const { stderr } = await runMain(["closure", "/x", "--graph", "/absent", "--verbose"]);
    expect(stderr).toMatch(/^laminix: .*\n(.*\n)*\s+at /);
  });
});
