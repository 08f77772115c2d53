import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";
const OTHER = "1123456789abcdfghijklmnpqrsvwxyz";

let folder: TemporaryFolder;
let store: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = await temporaryFolder();
  store = folder.join("store");
  for (const name of [`${HASH}-hello-2.12`, `${OTHER}-help2man-1.0`]) {
    mkdirSync(path.join(store, name), { recursive: true });
  }
  writeFileSync(path.join(store, `${OTHER}-hello-2.12.drv`), "");
  mkdirSync(folder.join("work/folder"), { recursive: true });
  writeFileSync(folder.join("work/file.tar"), "");
  mkdirSync(folder.join("bin"));
  const program = path.join(projectRoot, "dist/bundled/laminix.js");
  writeFileSync(folder.join("bin/laminix"), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
    mode: 0o755,
  });
  const { PATH = "" } = process.env;
  environment = { PATH: `${folder.join("bin")}:${PATH}`, NIX_STORE_DIR: store, HOME: folder.join("work") };
});
afterAll(() => folder[Symbol.asyncDispose]());

/** The values that are offered. */
async function offered(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runMain(["complete", "--", ...words], { environment });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t")[0]!);
}

describe("what is offered", () => {
  test("are commands, as far as they are typed", async () => {
    expect(await offered("bui")).toEqual(["build", "build-image"]);
    expect(await offered("help", "why")).toEqual(["why-depends"]);
    expect(await offered("--")).toEqual(["--help", "--version"]);
    expect(await offered("")).not.toContain("complete");
    expect(await offered("frobnicate", "")).toEqual([]);
  });

  test("are flags, and what they take", async () => {
    expect(await offered("build", "--layer-c")).toEqual(["--layer-compression", "--layer-compression-level"]);
    expect(await offered("build", "--format", "oci")).toEqual(["oci-archive", "oci-dir"]);
    expect(await offered("build", "--format=oci-d")).toEqual(["--format=oci-dir"]);
    expect(await offered("build", "--compress", "")).toEqual(["none", "gz", "zstd"]);
    expect(await offered("store", "--store", "d")).toEqual(["daemon"]);
    expect(await offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(await offered("build", "-o", "")).toEqual([":files"]);
    expect(await offered("build", "--name", "")).toEqual([]);
    expect(await offered("push", "--previous", "")).toEqual([":files"]);
    expect(await offered("push", "--previous", "--hin")).toEqual(["--hints"]);
  });

  test("are store paths by name where one can stand, and files", async () => {
    expect(await offered("closure", "hello")).toEqual([`${store}/${HASH}-hello-2.12`, ":files"]);
    expect(await offered("closure", `${store}/help`)).toEqual([`${store}/${OTHER}-help2man-1.0`, ":files"]);
    expect(await offered("nix-shell", "hello")).toContain(`${store}/${OTHER}-hello-2.12.drv`);
    expect(await offered("layers", "--explain", "help")).toContain(`${store}/${OTHER}-help2man-1.0`);
    expect(await offered("closure", "")).toEqual([":files"]);
    expect(await offered("tree", "a", "hello")).toEqual([`${store}/${HASH}-hello-2.12`, ":files"]);
    expect(await offered("diff", "a", "b", "hello")).toEqual([]);
    expect(await offered("merge", "hello")).toEqual([":files"]);
    expect(await offered("run", "x", "--", "hello")).toEqual([":files"]);
  });

  test("needs no store and no daemon", async () => {
    environment = { ...environment, NIX_STORE_DIR: folder.join("absent"), NIX_REMOTE: "unix:///absent" };
    expect(await offered("closure", "hello")).toEqual([":files"]);
    environment = { ...environment, NIX_STORE_DIR: store };
  });
});

/** Runs a script in a shell, with the completion's script as its first argument. */
async function inShell(
  shell: "bash" | "zsh" | "fish",
  flags: readonly string[],
  script: string,
): Promise<string[]> {
  const { stdout } = await runMain(["completion", shell]);
  const file = folder.join(`completion.${shell}`);
  writeFileSync(file, stdout);
  const options = {
    encoding: "utf8",
    cwd: folder.join("work"),
    env: { ...environment, LANG: "C.UTF-8" },
  } as const;
  const text = execFileSync(
    shell,
    [...flags, script, ...(shell === "fish" ? [file] : [shell, file])],
    options,
  );
  return text.split("\n").filter(Boolean);
}

describeWith(["bash"], "in bash", () => {
  const completed = (...words: string[]): Promise<string[]> =>
    inShell(
      "bash",
      ["--norc", "-c"],
      `. "$1"; COMP_WORDS=(laminix ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
       _laminix; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p laminix`,
    );
  const registered = "complete -F _laminix laminix";

  test("commands, flags, choices, files and store paths are completed", async () => {
    expect(await completed("bui")).toEqual(["build", "build-image", registered]);
    expect(await completed("build", "--layer-compression-")).toEqual([
      "--layer-compression-level",
      registered,
    ]);
    expect(await completed("build", "--format", "oci-d")).toEqual(["oci-dir", registered]);
    expect(await completed("build", "--format", "=", "oci-d")).toEqual(["oci-dir", registered]);
    expect(await completed("build", "--compress", "=")).toEqual(["none", "gz", "zstd", registered]);
    expect((await completed("load", "f")).sort()).toEqual([registered, "file.tar", "folder"]);
    expect(await completed("closure", "hello")).toEqual([`${store}/${HASH}-hello-2.12`, registered]);
  });

  test("what was typed stays where several store paths are meant", async () => {
    const [hello, help, typed] = await completed("closure", "hel");
    expect([hello, help, typed]).toEqual([
      `${store}/${HASH}-hello-2.12`,
      `${store}/${OTHER}-help2man-1.0`,
      "hel",
    ]);
  });
});

describeWith(["zsh"], "in zsh", () => {
  /** The functions that draw are replaced: they exist where a line is being edited. */
  const completed = (...words: string[]): Promise<string[]> =>
    inShell(
      "zsh",
      ["-f", "-c"],
      `compdef() { print -r -- "registered $*" }
       compadd() { print -rl -- "\${(@P)argv[-1]}" "\${(@)shown}" }
       _files() { print -r -- files }
       compset() { print -r -- "compset $*" }
       source "$1"
       words=(laminix ${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length + 1}
       _laminix`,
    );
  const registered = "registered _laminix laminix";

  test("commands, flags, choices, files and store paths are completed", async () => {
    expect(await completed("bui")).toEqual([
      ...[registered, "build", "build-image"],
      "build  -- write an image to a file or an OCI layout",
      "build-image  -- write an image with everything in one layer on top of its base",
    ]);
    expect(await completed("build", "--format", "oci-d")).toEqual([registered, "oci-dir", "oci-dir"]);
    expect(await completed("build", "--format=oci-d")).toContain("--format=oci-dir");
    expect(await completed("build", "--output=x")).toEqual([registered, "compset -P *=", "files"]);
    expect(await completed("load", "")).toEqual([registered, "files"]);
    const hello = `${store}/${HASH}-hello-2.12`;
    expect(await completed("closure", "hello")).toEqual([registered, hello, hello, "files"]);
  });
});

describeWith(["fish"], "in fish", () => {
  const completed = async (line: string): Promise<string[]> => {
    const lines = await inShell("fish", ["-N", "-c"], `source $argv[1]; complete -C ${JSON.stringify(line)}`);
    return lines.map((each) => each.split("\t")[0]!);
  };

  test("commands, flags, choices, files and store paths are completed", async () => {
    expect(await completed("laminix bui")).toEqual(["build", "build-image"]);
    expect(await completed("laminix build --layer-compression-")).toEqual(["--layer-compression-level"]);
    expect(await completed("laminix build --format oci-d")).toEqual(["oci-dir"]);
    expect(await completed("laminix build --format=oci-d")).toEqual(["--format=oci-dir"]);
    expect(await completed("laminix load f")).toEqual(["file.tar", "folder/"]);
    expect(await completed("laminix build --output=f")).toEqual(["--output=file.tar", "--output=folder/"]);
    expect(await completed("laminix closure hello")).toContain(`${store}/${HASH}-hello-2.12`);
  });
});
