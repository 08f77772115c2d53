import { mkdir, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  evaluate,
  type EvaluateOptions,
  LaminixError,
  type LogEvent,
  nix,
  NixExpression,
  type Subject,
} from "laminix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nixes } from "../support/nixes.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

for (const { release, name, needs } of nixes) {
  describeWith(needs, `evaluation with ${name}`, () => {
    let store: NixStore;
    let folder: TemporaryFolder;
    beforeAll(async () => {
      store = await startNixStore({ nix: release });
      folder = await temporaryFolder("evaluate");
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const value = (subject: Subject, options: EvaluateOptions = {}) =>
      evaluate(subject, { ...options, env: { ...store.env, ...options.env } });
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(folder.join(name), text);
      return folder.join(name);
    };
    const failure = async (subject: Subject, options: EvaluateOptions = {}): Promise<LaminixError> => {
      const error = await value(subject, options).then(
        (found) => expect.unreachable(`there is a value: ${JSON.stringify(found)}`),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(LaminixError);
      return error as LaminixError;
    };

    describe("of an expression", () => {
      test("gives its value, to its last attribute", async () => {
        expect(
          await value('let a = 1; in { b = [ a (a + 1) ]; c.d = "e"; f = null; g = 1.5; h = true; }'),
        ).toEqual({
          b: [1, 2],
          c: { d: "e" },
          f: null,
          g: 1.5,
          h: true,
        });
      });

      test("takes relative paths from the folder that is given", async () => {
        await file("five.nix", "5");
        expect(await value("import ./five.nix", { cwd: folder.path })).toBe(5);
        expect(await value("{ a }: import ./five.nix + a", { cwd: folder.path, args: { a: 1 } })).toBe(6);
        const autoArgs = { a: new NixExpression("import ./five.nix") };
        expect(await value("{ a }: a", { cwd: folder.path, autoArgs })).toBe(5);
      });

      test("calls it with args, all of them, and with those autoArgs that it takes by name", async () => {
        expect(await value("{ a, b ? 2 }: [ a b ]", { args: { a: 1, b: undefined } })).toEqual([1, 2]);
        expect(await value("all: all", { args: { a: 1 } })).toEqual({ a: 1 });
        expect((await failure("{ a }: a", { args: { a: 1, b: 2 } })).message).toMatch(/unexpected argument/);
        expect(await value("{ a }: a", { autoArgs: { a: 1, b: 2, c: undefined } })).toBe(1);
        expect(await value("{ a = 1; }", { autoArgs: { b: 2 } })).toEqual({ a: 1 });
        expect(await value("{ x }: { y }: x + y # three", { args: { x: 1 }, autoArgs: { y: 2 } })).toBe(3);
      });

      test("finds <…> paths where it is told to look, and takes settings", async () => {
        await mkdir(folder.join("lib"), { recursive: true });
        await file("lib/default.nix", "7");
        expect(await value("import <seven>", { include: [`seven=${folder.join("lib")}`] })).toBe(7);
        expect(await value("import <lib>", { include: [folder.path] })).toBe(7);
        expect(await value("import <seven>", { env: { NIX_PATH: `seven=${folder.join("lib")}` } })).toBe(7);
        const pure = await failure('builtins.readFile "/etc/passwd"', { settings: { "pure-eval": "true" } });
        expect(pure.message).toMatch(/pure/);
      });

      test("writes to the store only where it is to", async () => {
        const ifd = nix`import ${derivation("ifd", "echo 42 > $out")}`;
        expect(await failure(ifd, { mode: "read-only" })).toMatchObject({ code: "ERR_EVALUATION" });
        expect(await failure(ifd)).toMatchObject({ code: "ERR_EVALUATION" });
        expect(await value(ifd, { mode: "read-write" })).toBe(42);
      });

      test("looks at the store that it is given", async () => {
        await using other = await startNixStore({ nix: release });
        const path = await other.addTextFile("there", "there");
        const env = { ...store.env, NIX_STORE_DIR: other.storeDir };
        const it = nix`builtins.readFile (builtins.storePath ${path})`;
        expect(await value(it, { env, store: other.uri })).toBe("there");
        expect(await value(it, { env, store: { url: other.uri } })).toBe("there");
        expect(await failure(it, { env, store: store.uri })).toMatchObject({ code: "ERR_EVALUATION" });
      });

      test("gives strings that are not UTF-8 as an error", async () => {
        const bytes = folder.join("bytes");
        await writeFile(bytes, Buffer.from([0x61, 0xff]));
        expect((await failure(nix`builtins.readFile ${bytes}`)).code).toMatch(/ERR_JSON|ERR_EVALUATION/);
      });
    });

    describe("of a file", () => {
      test("gives its value or an attribute's, functions called on the way", async () => {
        const path = await file("attributes.nix", '{ n ? 1 }: { a = { m ? 2 }: { "b.c" = n + m; d = 0; }; }');
        expect(await value({ file: path, attribute: 'a."b.c"' })).toBe(3);
        expect(await value({ file: "attributes.nix", attribute: "a.d" }, { cwd: folder.path })).toBe(0);
        expect(await value({ file: path, attribute: 'a."b.c"' }, { autoArgs: { n: 10, m: 20 } })).toBe(30);
        expect(await value({ file: path, attribute: 'a."b.c"' }, { args: { n: 10 } })).toBe(12);
      });

      test("may be of a folder, of any name", async () => {
        const place = folder.join('folder "${x}" \\ $');
        await mkdir(place);
        await writeFile(`${place}/default.nix`, "{ a ? 1 }: a");
        expect(await value({ file: place }, { args: {} })).toBe(1);
        expect(await value({ file: place }, { args: { a: 2 } })).toBe(2);
      });
    });

    describe("of a flake", () => {
      let flake: string;
      beforeAll(async () => {
        await mkdir(folder.join("flake"));
        flake = `path:${folder.join("flake")}`;
        await file(
          "flake/flake.nix",
          `{ outputs = { self }: {
          a.b = 9007199254740993;
          home = builtins.getEnv "LAMINIX_TEST";
          bad = { x }: throw "bad";
          worse = throw "worse";
        }; }`,
        );
      });

      test("gives an output, exact", async () => {
        expect(await value({ flake, attribute: "a.b" })).toBe(2n ** 53n + 1n);
        expect(await value({ flake: `${flake}#a` })).toEqual({ b: 2n ** 53n + 1n });
      });

      test("is pure unless it may be impure", async () => {
        const env = { LAMINIX_TEST: "seen" };
        expect(await value({ flake, attribute: "home" }, { env })).toBe("");
        expect(await value({ flake, attribute: "home" }, { env, impure: true })).toBe("seen");
      });

      test("fails as an expression does", async () => {
        expect(await failure({ flake, attribute: "worse" })).toMatchObject({
          code: "ERR_EVALUATION",
          details: { message: "worse" },
        });
        expect((await failure({ flake, attribute: "none" })).message).toMatch(/does not provide attribute/);
        expect(await failure({ flake: `path:${folder.join("nowhere")}` })).toMatchObject({
          code: "ERR_EVALUATION",
        });
        expect(await failure({ flake: "--version" })).toMatchObject({ code: "ERR_EVALUATION" });
      });
    });

    describe("that fails tells what, where and on the way to what:", () => {
      test.each<[string, string, RegExp, { line: number; column: number }]>([
        ["a syntax error", "{\n  a = ;\n}", /^syntax error, unexpected ';'/, { line: 2, column: 7 }],
        ["an undefined variable", "\n\nfoo", /^undefined variable 'foo'$/, { line: 3, column: 1 }],
        ["a type error", '1 +\n "a"', /^cannot add a string to an integer/, { line: 2, column: 2 }],
        ["an infinite recursion", "let x = x; in x", /^infinite recursion/, { line: 1, column: 9 }],
        ["a missing attribute", "{ bar = 1; }.baz", /^attribute 'baz' missing$/, { line: 1, column: 1 }],
      ])("%s", async (_, expression, message, { line, column }) => {
        const error = await failure(expression);
        const position = { file: "«stdin»", line, column };
        expect(error).toMatchObject({
          code: "ERR_EVALUATION",
          message: expect.stringMatching(new RegExp(` at «stdin»:${line}:${column}$`)),
          details: { message: expect.stringMatching(message), position, trace: expect.any(Array) },
        });
        expect(error.details.text).toMatch(/^error: /);
        expect(`${error.message}${String(error.details.text)}`).not.toContain("\u001b");
      });

      test("places in an expression that is called, as it was given", async () => {
        expect((await failure("{ a }: a.b", { args: { a: {} } })).details.position).toMatchObject({
          line: 1,
          column: 8,
        });
        expect((await failure("{ a }:\na.b", { args: { a: {} } })).details.position).toMatchObject({
          line: 2,
          column: 1,
        });
      });

      test("the way there, innermost first, each with its place", async () => {
        const inner = await file("inner.nix", "{\n  check = n: assert n > 0; n;\n}\n");
        const outer = await file(
          "outer.nix",
          "let\n  f = n: (import ./inner.nix).check n;\nin\n{ a = f 0; }\n",
        );
        const { details } = await failure({ file: outer, attribute: "a" });
        expect(details.message).toMatch(/^assertion '.*' failed$/);
        expect(details.position).toEqual({ file: inner, line: 2, column: 14 });
        const trace = details.trace as { message: string; position?: { file: string; line: number } }[];
        const lines = trace.map(({ position }) => position && `${position.file}:${position.line}`);
        expect(trace[0]!.message).toMatch(/check/);
        expect(lines).toContain(`${inner}:2`);
        expect(lines.indexOf(`${outer}:2`)).toBeGreaterThan(lines.indexOf(`${inner}:2`));
        expect(lines.lastIndexOf(`${outer}:4`)).toBeGreaterThan(lines.indexOf(`${outer}:2`));
      });

      test("what was thrown, with all of its lines, and what was traced before", async () => {
        const { details } = await failure('builtins.trace "on the way" (throw "one\n\ntwo")');
        expect(details).toMatchObject({ message: "one\n\ntwo", log: ["on the way", "one\n\ntwo"] });
      });

      test("what was probably meant", async () => {
        expect(await failure("{ name = 1; }.nam")).toMatchObject({ hint: "Did you mean name?" });
      });

      test("a missing file, and a missing attribute of one", async () => {
        expect((await failure({ file: folder.join("none.nix") })).message).toMatch(
          /none\.nix.*No such file|does not exist/,
        );
        const path = await file("one.nix", "{ one = 1; }");
        expect((await failure({ file: path, attribute: "two.three" })).message).toMatch(
          /attribute 'two' in selection path 'two\.three' not found/,
        );
      });

      test("a value that is none in JSON", async () => {
        expect(await failure("x: x")).toMatchObject({
          code: "ERR_EVALUATION",
          message: expect.stringMatching(/cannot convert a function to JSON/),
        });
      });

      test("the end of the stack", async () => {
        expect((await failure("let f = n: f (n + 1) + 1; in f 0")).message).toMatch(/stack overflow/);
      });

      test("a build that an import needs", async () => {
        const broken = nix`import ${derivation("broken", "echo it broke >&2; exit 1")}`;
        const error = await failure(broken, { mode: "read-write" });
        expect(error).toMatchObject({
          code: "ERR_EVALUATION",
          message: expect.stringMatching(/broken\.drv/),
        });
        expect(error.details.log).toContain("it broke");
      });

      test("that there is no Nix", async () => {
        expect(await failure("1", { env: { PATH: folder.path } })).toMatchObject({
          code: "ERR_PROGRAM",
          message: "nix-instantiate cannot be run: it is not there",
          hint: expect.stringContaining("install Nix"),
        });
      });
    });

    test("tells what it is doing, as it does it", async () => {
      const events: LogEvent[] = [];
      const loud = nix`builtins.trace "first
second" (import ${derivation("loud", "echo building it >&2; echo 1 > $out")})`;
      await value(loud, { mode: "read-write", onLog: (event) => events.push(event) });
      expect(events).toContainEqual({ type: "trace", text: "first\nsecond" });
      const started = events.flatMap((event) => (event.type === "start" ? [event.activity] : []));
      const activity = started.find(({ kind }) => kind === "build")!;
      expect(activity).toMatchObject({
        derivation: expect.stringMatching(/-loud\.drv$/),
        text: expect.any(String),
      });
      expect(events).toContainEqual({ type: "build-log", activity, line: "building it" });
      expect(events).toContainEqual({ type: "stop", activity });
      expect(events.find(({ type }) => type === "progress")).toMatchObject({ expected: expect.any(Number) });

      const warnings: LogEvent[] = [];
      await value("1", { settings: { "no-such-setting": "1" }, onLog: (event) => warnings.push(event) });
      expect(warnings).toContainEqual({
        type: "message",
        level: "warning",
        text: expect.stringMatching(/^unknown setting 'no-such-setting'/),
      });
    });

    test("ends with what the listener throws", async () => {
      const error = new Error("heard enough");
      const onLog = (): never => {
        throw error;
      };
      await expect(value('builtins.trace "x" 1', { onLog })).rejects.toBe(error);
    });

    test("that is aborted ends, though it would not", async () => {
      const controller = new AbortController();
      const reason = new Error("no more");
      const mark = `laminix-${process.pid}-endless`;
      const endless = nix`
      let list = builtins.genList (i: i) 100000;
      in builtins.trace "begun" (builtins.foldl' (a: _: builtins.foldl' (b: _: b) a list) 0 list)`;
      const running = value(endless, {
        signal: controller.signal,
        env: { MARK: mark },
        onLog: () => {
          controller.abort(reason);
        },
      });
      await expect(running).rejects.toBe(reason);
      while (processesWith(`MARK=${mark}`).length > 0) await sleep(5);
    });

    describe("refuses", () => {
      test.each<[string, unknown, object]>([
        ["subject", "", {}],
        ["subject", "a\0b", {}],
        ["subject", 5, {}],
        ["subject", null, {}],
        ["subject", [], {}],
        ["subject.file", {}, {}],
        ["subject.file", { file: "" }, {}],
        ["subject.attribute", { file: "a", attribute: 1 }, {}],
        ["subject.flake", { flake: "" }, {}],
        ["subject.flake", { flake: "a#b", attribute: "c" }, {}],
        ["options.args", { flake: "a" }, { args: {} }],
        ["options.autoArgs", { flake: "a" }, { autoArgs: {} }],
        ["options.args.a", "1", { args: { a: () => 1 } }],
        ["options.autoArgs.a", "1", { autoArgs: { a: "x".repeat(1 << 17) } }],
        ["options.mode", "1", { mode: "fast" }],
        ["options.args", "1", { args: 5 }],
        ["options.autoArgs", "1", { autoArgs: null }],
        ["options.impure", { flake: "a" }, { impure: "yes" }],
        ["options.store", "1", { store: 5 }],
        ["options.store", "1", { store: null }],
        ["options.store", "1", { store: {} }],
        ["options.include[0]", "1", { include: [1] }],
        ["options.settings.a", "1", { settings: { a: true } }],
        ["options.env.A", "1", { env: { A: 1 } }],
        ["options.signal", "1", { signal: "soon" }],
        ["options.onLog", "1", { onLog: "loud" }],
      ])("a wrong %s: %j %j", async (argument, subject, options) => {
        await expect(evaluate(subject as Subject, options as EvaluateOptions)).rejects.toMatchObject({
          code: "ERR_ARGUMENT",
          details: { argument },
        });
      });
    });
  });
}

const derivation = (name: string, script: string): NixExpression => nix`derivation {
  name = ${name};
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" ${script} ];
}`;

/** Processes with a variable in their environment. */
function processesWith(variable: string): string[] {
  return readdirSync("/proc").filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, "utf8").includes(variable);
    } catch {
      return false;
    }
  });
}
