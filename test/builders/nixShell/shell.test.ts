import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NixShellOptions } from "../../../dist/builders/nixShell/options.js";
import { inputsOf, readDerivation } from "../../../dist/store/readDerivation.js";
import { shellDerivation } from "../../../dist/builders/nixShell/shellDerivation.js";
import { type NixShellSpec, shellSpec } from "../../../dist/builders/nixShell/shellSpec.js";
import { openStore, type StorePath } from "../../../dist/index.js";
import { type NixStore, startNixStore } from "../../support/nixStore.js";
import { describeWith } from "../../support/requirements.js";
import { run, type RunResult } from "../../support/run.js";
import { temporaryFolder } from "../../support/temporary.js";

const BASH = "/bin/bash";

/** As much of nixpkgs' `setup` as a shell has to do with. */
const SETUP = `
set -eu -o pipefail
PATH=/usr/bin:/bin
export SETUP_WAS_HERE=yes
runHook() { eval "\${!1}"; }
set +u
`;

describeWith(
  ["nix-store", "nix-daemon", "nix-instantiate", "bash", "proot"],
  "a shell for a derivation",
  () => {
    let store: NixStore;
    let stdenv: string;
    beforeAll(async () => {
      store = await startNixStore();
      stdenv = await store.addTree("stdenv", (place) => {
        mkdirSync(place);
        writeFileSync(path.join(place, "setup"), SETUP);
      });
    });
    afterAll(() => store[Symbol.asyncDispose]());

    async function instantiate(attributes: string): Promise<StorePath> {
      const expression = `derivation ({
      name = "thing"; system = builtins.currentSystem; builder = "${BASH}";
      stdenv = builtins.storePath "${stdenv}";
    } // (${attributes}))`;
      const { stdout } = await store.run("nix-instantiate", ["--expr", expression]);
      return stdout.toString().trim() as StorePath;
    }

    async function specOf(drv: StorePath, options: NixShellOptions = {}): Promise<NixShellSpec> {
      await using client = await openStore(store.uri);
      const derivation = await readDerivation(client, drv);
      const inputs = await inputsOf(client, derivation);
      return shellSpec(shellDerivation(derivation, inputs), options, { storeDir: store.storeDir });
    }

    /** Runs what a container of the image would run: its own files, variables and command, and none of this machine's. */
    async function start(
      { contents, config }: NixShellSpec,
      command?: readonly string[],
    ): Promise<RunResult> {
      await using folder = await temporaryFolder();
      mkdirSync(folder.join("build"));
      mkdirSync(folder.join("usr/lib/nix-shell"), { recursive: true });
      for (const [file, content] of contents.flatMap(({ files }) => Object.entries(files))) {
        if (!file.startsWith("/usr/lib/nix-shell") || !("text" in content)) continue;
        mkdirSync(folder.join(path.dirname(file)), { recursive: true });
        writeFileSync(folder.join(file), content.text);
        chmodSync(folder.join(file), Number.parseInt(content.mode ?? "0644", 8));
      }
      const places = ["/usr/lib/nix-shell", "/build"].flatMap((place) => [
        "-b",
        `${folder.path}${place}:${place}`,
      ]);
      const variables = config["Env"] as string[];
      const program = command ?? (config["Cmd"] as string[]);
      return await run("proot", [...places, "-w", "/build", "env", "-i", ...variables, ...program]);
    }
    const ran = async (...args: Parameters<typeof start>): Promise<string> => {
      const { code, stdout, stderr } = await start(...args);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      return stdout.toString();
    };

    test("has the derivation's variables, and what its setup made of them", async () => {
      const drv = await instantiate("{ greeting = \"hello\\n'there'\"; }");
      const spec = await specOf(drv, { run: 'echo "$greeting|$SETUP_WAS_HERE|$name|$HOME|$PWD|${TZ-none}"' });
      expect(await ran(spec)).toBe("hello\n'there'|yes|thing|/build|/build|none\n");
    });

    test("runs the derivation's shell hook, before what it was asked to run", async () => {
      const drv = await instantiate('{ shellHook = "echo hook; mine() { echo $1; }"; }');
      expect(await ran(await specOf(drv, { run: "mine run" }))).toBe("hook\nrun\n");
    });

    test("goes on after a command that fails, and ends as the last one did", async () => {
      const drv = await instantiate("{ }");
      const { code, stdout } = await start(await specOf(drv, { run: "false\necho on\n(exit 3)" }));
      expect(stdout.toString()).toBe("on\n");
      expect(code).toBe(3);
    });

    test("builds the derivation as Nix does", async () => {
      const library = await store.addTextFile("library", "text of a library");
      const drv = await instantiate(`{
      args = [ "-c" "source $stdenv/setup; mkdir -p $out/bin; cat $library $bigPath >$out/bin/result; env | grep ^small= >>$out/bin/result; pwd >>$out/bin/result" ];
      library = builtins.storePath "${library}"; big = "line\\nline"; small = "a b"; passAsFile = "big";
    }`);
      const [out = ""] = (await specOf(drv)).namedOnly;
      expect(await ran(await specOf(drv, { run: "buildDerivation" }))).toBe("");
      const made = readFileSync(`${out}/bin/result`, "utf8");
      rmSync(out, { recursive: true });
      await store.run("nix-store", ["--realise", drv]);
      const byNix = readFileSync(`${out}/bin/result`, "utf8");
      expect(made.replace("/build\n", "")).toBe(byNix.replace(/\/.*\n$/, ""));
      expect(made).toContain("text of a library");
      expect(made).toContain("line\nline");
    });

    test("that is interactive runs a command and ends, or stays where it says return", async () => {
      const drv = await instantiate("{ }");
      const spec = await specOf(drv, { command: "echo command" });
      const [bash = "", ...rest] = spec.config["Cmd"] as string[];
      // Without a terminal it must be told that it is interactive.
      const asked = (each: NixShellSpec): Promise<RunResult> => start(each, [bash, ...rest, "-i"]);
      expect((await asked(spec)).stdout.toString()).toBe("command\n");
      const staying = await specOf(drv, { command: "echo command; return" });
      const { stdout, stderr } = await asked(staying);
      expect(stdout.toString()).toBe("command\n");
      expect(stderr).toContain("[nix-shell:");
    });

    test("finds its own programs first, and the shell's", async () => {
      const drv = await instantiate("{ }");
      await using folder = await temporaryFolder();
      const shell = folder.join("bin/bash");
      mkdirSync(folder.join("bin"));
      symlinkSync(BASH, shell);
      const spec = await specOf(drv, { shell, run: 'type -p bash; echo "$SHELL"; type -p buildDerivation' });
      expect((await ran(spec)).split("\n").slice(0, 2)).toEqual([shell, shell]);
    });

    test("of a derivation without a setup has its programs, and its hook, all the same", async () => {
      const drv = await instantiate('{ stdenv = ""; shellHook = "echo hook"; }');
      expect(await ran(await specOf(drv, { run: "type -p buildDerivation" }))).toMatch(
        /^hook\n\/.*buildDerivation\n$/,
      );
    });

    test("is not given what Nix gave to no output", async () => {
      const drv = await instantiate('{ outputs = [ "out" "dev" ]; }');
      const spec = await specOf(drv);
      expect(spec.namedOnly.length).toBe(2);
      for (const output of spec.namedOnly) expect(existsSync(output)).toBe(false);
    });
  },
);
