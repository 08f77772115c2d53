/** The command line with any arguments: it does something, or prints an error with a code. */
import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runMain } from "../cli/commandLine.js";
import { archiveOf, layerOf } from "../support/images.js";
import { textsLike, cases } from "../support/odd.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const PATH = `/nix/store/${"0".repeat(32)}-hello-2.12`;

let folder: TemporaryFolder;
const before = { PATH: process.env["PATH"], LAMINIX_CACHE_DIR: process.env["LAMINIX_CACHE_DIR"] };
beforeAll(async () => {
  folder = await temporaryFolder("soak");
  process.env["LAMINIX_CACHE_DIR"] = folder.join("cache");
  // What is written to a relative path lands there.
  process.chdir(folder.path);
  // No program is started.
  process.env["PATH"] = "/nowhere";
  writeFileSync(
    folder.join("image.tar"),
    await archiveOf({ layers: [await layerOf({ a: "1" })], tags: ["a:1"] }),
  );
  writeFileSync(folder.join("spec.json"), JSON.stringify({ name: "a", tag: "1", contents: [PATH] }));
  writeFileSync(folder.join("graph.json"), JSON.stringify([{ path: PATH, narSize: 1, references: [] }]));
});
afterAll(async () => {
  Object.assign(process.env, before);
  process.chdir(projectRoot);
  await folder[Symbol.asyncDispose]();
});

const COMMANDS = [
  ...[
    "stream",
    "build",
    "load",
    "build-image",
    "nix-shell",
    "layers",
    "inspect",
    "export",
    "merge",
    "index",
    "push",
  ],
  ...[
    "pull",
    "lock",
    "closure",
    "referrers",
    "tree",
    "why-depends",
    "diff",
    "duplicates",
    "store",
    "eval",
    "realise",
  ],
  ...["cache", "stream-conf", "conf", "customise", "blob", "", "help"],
];
const FLAGS = [
  ...[
    "--json",
    "--jobs",
    "--max-layers",
    "--strategy",
    "--created",
    "--mtime",
    "--uid",
    "--uname",
    "--cmd",
    "--env",
  ],
  ...[
    "--name",
    "--tag",
    "--from-image",
    "--format",
    "--compressor",
    "--layer-compression",
    "--platform",
    "--os",
  ],
  ...[
    "--arch",
    "--variant",
    "--sizes",
    "--depth",
    "--limit",
    "--previous",
    "--history",
    "--volatility",
    "--verify",
  ],
  ...[
    "--layer-compression-level",
    "--layer-encoder",
    "--manifest-format",
    "--digest-file",
    "--annotation",
    "--label",
    "--expr",
    "--arg",
  ],
  ...["--no-cache", "--dry-run", "--quiet", "--help", "--version", "--", "-o", "--perms", "--pipeline"],
];
/** Nothing that is a network's, and nothing that can be written over. */
const VALUES = [
  ...[
    "/nowhere/x",
    PATH,
    `${PATH}/bin`,
    "0",
    "1",
    "100",
    "-1",
    "1e9",
    "99999999999",
    "now",
    "@1",
    "a=b",
    "=",
    "NAME",
    "[]",
  ],
  ...[
    "docker://localhost:99999/x",
    "docker://256.256.256.256/x",
    "docker://[:::::]/x",
    "docker://xn--a.example/x",
  ],
  ...["linux/arm", "oci", "docker", "zstd", "auto", "balanced", "{}", '{"match":"a"}', "--", "-"],
];

test("whatever the arguments are, there is an error with a code, or none", async () => {
  const files = ["image.tar", "spec.json", "graph.json"].map((name) => folder.join(name));
  const words = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...FLAGS) },
    { weight: 4, arbitrary: fc.constantFrom(...VALUES, ...files) },
    // One with a dot or a host would be asked for in a network; no argument of a program has a NUL, and a message with a
    // line's end is one of two lines.
    { weight: 1, arbitrary: textsLike("--x", "1", "a").filter((text) => !/[./\0\n]/.test(text)) },
  );
  const rest = fc.array(words, { maxLength: 6 });
  const ways = fc.constantFrom(
    ["--graph", folder.join("graph.json")],
    ["--store", "unix:///nowhere/socket"],
    ["--store", "file:///nowhere"],
  );
  const argv = fc.tuple(fc.constantFrom(...COMMANDS), ways, rest).filter(isHarmless);
  const environment = {
    HOME: "/nowhere",
    DOCKER_HOST: "unix:///nowhere/socket",
    NIX_REMOTE: "unix:///nowhere/socket",
  };
  await fc.assert(
    fc.asyncProperty(argv, async ([command, way, more]) => {
      const { code, stderr } = await runMain([command, ...way, ...more], { environment });
      expect([0, 1, 2]).toContain(code);
      // What is no coded error is printed with its stack.
      expect(stderr).not.toMatch(/ERR_INTERNAL|^ {4}at /m);
      for (const line of stderr.split("\n")) expect(line).not.toMatch(/^laminix:(?:.*\s)?$/);
    }),
    cases,
  );
});

/** A push to a name without a host is one to Docker's own registry, and so is a pull from one. */
function isHarmless([command, , words]: readonly [string, readonly string[], readonly string[]]): boolean {
  return (
    !["push", "pull", "lock", "blob", "index"].includes(command) ||
    words.every((word) => /^[-/]|^docker:/.test(word))
  );
}
