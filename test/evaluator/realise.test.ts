import { mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Installable,
  LaminixError,
  type LogEvent,
  nix,
  nixPath,
  realise,
  type SubjectOptions,
} from "laminix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nixes } from "../support/nixes.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const derivations = `
{ mark ? "" }:
let
  make = name: script: more: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
  } // more);
in rec {
  good = make "good" "echo good \${mark} >$out" { };
  several = make "several" "echo out >$out; echo dev >$dev" { outputs = [ "out" "dev" ]; };
  bad = make "bad" "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; exit 3" { };
  needsBad = make "needs-bad" "cat \${bad} >$out" { };
  endless = make "endless" "echo $$ >\${mark}; while :; do :; done" { };
  broken = throw "broken";
}
`;

for (const { release, name, needs } of nixes) {
  describeWith(needs, `realising with ${name}`, () => {
    let store: NixStore;
    let folder: TemporaryFolder;
    let file: string;
    let flake: string;
    beforeAll(async () => {
      store = await startNixStore({ nix: release });
      folder = await temporaryFolder("realise");
      file = folder.join("derivations.nix");
      await writeFile(file, derivations);
      await mkdir(folder.join("flake"));
      flake = `path:${folder.join("flake")}`;
      await writeFile(
        folder.join("flake/flake.nix"),
        `{ outputs = { self }: (import ./derivations.nix { }) // { }; }`,
      );
      await writeFile(
        folder.join("flake/derivations.nix"),
        // A flake may not ask for the system.
        derivations.replace("builtins.currentSystem", JSON.stringify(`${machine}-linux`)),
      );
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const made = (installable: Installable, options: SubjectOptions = {}) =>
      realise(installable, { env: store.env, ...options });
    const failure = async (installable: Installable, options?: SubjectOptions): Promise<LaminixError> => {
      const error = await made(installable, options).then(
        (paths) => expect.unreachable(`there are ${paths.join(" ")}`),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(LaminixError);
      return error as LaminixError;
    };
    const drv = async (attribute: string): Promise<string> => {
      const { stdout } = await store.run("nix-instantiate", [file, "-A", attribute]);
      return stdout.toString().trim();
    };
    /** In order: Nix gives them in that of their hashes. */
    const names = (paths: readonly string[]) => paths.map((each) => path.basename(each).slice(33)).sort();

    test("a derivation gives its outputs, built", async () => {
      const paths = await made(await drv("several"));
      expect(names(paths)).toEqual(["several", "several-dev"]);
      const texts = await Promise.all(paths.map((each) => readFile(each, "utf8")));
      expect(texts.sort()).toEqual(["dev\n", "out\n"]);
    });

    test("one output of a derivation gives that", async () => {
      const several = await drv("several");
      expect(names(await made(`${several}!dev`))).toEqual(["several-dev"]);
      expect(names(await made(`${several}^dev`))).toEqual(["several-dev"]);
      expect(names(await made(`${several}^*`))).toEqual(["several", "several-dev"]);
    });

    test("a valid path gives itself", async () => {
      const there = await store.addTextFile("there", "there");
      expect(await made(there)).toEqual([there]);
      expect(await made(`${there}/inside`)).toEqual([there]);
    });

    test("a file's attribute, with arguments, is built", async () => {
      const [path = ""] = await made({ file, attribute: "good" }, { autoArgs: { mark: 'a "b"' } });
      expect(await readFile(path, "utf8")).toBe("good a b\n");
    });

    test("an expression is built, all of its derivations", async () => {
      const all = nix`let all = import ${nixPath(file)} { }; in [ all.good all.several.dev ]`;
      expect(names(await made(all))).toEqual(["good", "several-dev"]);
      expect(await made(nix`[ ]`)).toEqual([]);
    });

    test("a flake's output is built", async () => {
      expect(names(await made({ flake, attribute: "several" }))).toEqual(["several"]);
      expect(names(await made({ flake: `${flake}#good` }))).toEqual(["good"]);
    });

    test("tells what is built, and what its builder prints", async () => {
      const events: LogEvent[] = [];
      const derivation = nix`(import ${nixPath(file)} { mark = "told; echo aloud"; }).good`;
      await made(derivation, { onLog: (event) => events.push(event) });
      const start = events
        .flatMap((event) => (event.type === "start" ? [event.activity] : []))
        .find(({ kind }) => kind === "build");
      expect(start).toMatchObject({ derivation: expect.stringMatching(/-good\.drv$/) });
      expect(events.map(({ type }) => type)).toContain("progress");
    });

    describe("a build that fails", () => {
      test("is an error with what failed, why, and the end of its log", async () => {
        const error = await failure({ file, attribute: "bad" });
        const log = Array.from({ length: 100 }, (_, i) => `line ${i + 100}`);
        expect(error).toMatchObject({
          code: "ERR_BUILD",
          message: expect.stringMatching(/bad\.drv.*exit code 3.*; its log ends: line 199$/s),
          hint: expect.stringMatching(/^nix log .*-bad\.drv$/),
          details: {
            results: [{ derivation: await drv("bad"), message: expect.stringMatching(/exit code 3/), log }],
          },
        });
      });

      test("is named where only something that needs it was asked for", async () => {
        const { details } = await failure(await drv("needsBad"));
        expect((details.results as object[]).length).toBe(1);
        expect(details.results).toMatchObject([
          { derivation: await drv("bad"), message: expect.not.stringContaining("line 199") },
        ]);
      });

      test("of a flake is the same error", async () => {
        expect(await failure({ flake, attribute: "needsBad" })).toMatchObject({
          code: "ERR_BUILD",
          details: { results: [{ derivation: expect.stringMatching(/-bad\.drv$/) }] },
        });
      });
    });

    test("an expression that cannot be evaluated is another error", async () => {
      expect(await failure({ file, attribute: "broken" })).toMatchObject({
        code: "ERR_EVALUATION",
        details: { message: "broken" },
      });
      expect(await failure({ flake, attribute: "broken" })).toMatchObject({ code: "ERR_EVALUATION" });
      expect(await failure(nix`1`)).toMatchObject({ code: "ERR_EVALUATION" });
    });

    test("a path that nobody has, and one that nobody knows how to build, are errors", async () => {
      expect(await failure(store.pathFor("nowhere"))).toMatchObject({
        code: "ERR_BUILD",
        message: expect.stringContaining("nowhere"),
        details: { results: [{ log: [] }] },
      });
      expect(await failure(store.pathFor("nowhere.drv"))).toMatchObject({ code: "ERR_BUILD" });
    });

    test("what is no store path is refused", async () => {
      expect(await failure("/etc/passwd")).toMatchObject({ code: "ERR_OUTSIDE_STORE" });
      expect(await failure("--version")).toMatchObject({ code: "ERR_OUTSIDE_STORE" });
      const several = await drv("several");
      for (const wrong of ["", `${several}!`, `${several}!a!b`, `${several}! dev`, `${several}\0`]) {
        expect(await failure(wrong)).toMatchObject({ code: "ERR_ARGUMENT" });
      }
      expect(await failure(several, { args: {} })).toMatchObject({
        code: "ERR_ARGUMENT",
        details: { argument: "options.args" },
      });
    });

    test("that is aborted ends the build, wherever that runs", async () => {
      const mark = folder.join("builder");
      const controller = new AbortController();
      const reason = new Error("enough");
      const running = made({ file, attribute: "endless" }, { autoArgs: { mark }, signal: controller.signal });
      while (!existsSync(mark) || (await readFile(mark, "utf8")) === "") await sleep(5);
      const builder = Number(await readFile(mark, "utf8"));
      expect(existsSync(`/proc/${builder}`)).toBe(true);
      controller.abort(reason);
      await expect(running).rejects.toBe(reason);
      while (existsSync(`/proc/${builder}`)) await sleep(5);
    });
  });
}
