import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type EvaluatorValue, NixFunction, toNix } from "laminix/evaluator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeEvaluators, evaluatorOf } from "../../support/evaluators.js";
import { failureOf } from "../../support/failure.js";
import { controlCharacters, oddTexts } from "../../support/nixValues.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

const DERIVATION =
  'derivation { name = "it"; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ "out" "dev" ]; }';

describeEvaluators("values", (get, { release }) => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder("values");
  });
  afterAll(() => folder[Symbol.asyncDispose]());
  const load = (text: string): Promise<EvaluatorValue> => get().load(text);
  const toJS = async (text: string): Promise<unknown> => (await load(text)).toJS();

  describe("names", () => {
    test("lead to attributes and items, and ask nothing on the way", async () => {
      const value = await load('{ a."b.c" = [ 1 { d = 2; } ]; bad = throw "no"; }');
      expect(await value.get("a", "b.c").at(0).toJS()).toBe(1);
      expect(await value.get("a", "b.c", 1, "d").toJS()).toBe(2);
      expect(value.get("missing", 7).path).toEqual(["missing", 7]);
      expect((await failureOf(value.get("missing").toJS())).code).toBe("ERR_EVALUATION");
      expect((await failureOf(value.get("a", "b.c").at(2).toJS())).code).toBe("ERR_EVALUATION");
    });

    test("may be anything", async () => {
      const names = [...oddTexts, controlCharacters];
      const source = Object.fromEntries(names.map((name, i) => [name, [i]]));
      const value = await load(toNix(source));
      expect(await value.length()).toBe(names.length);
      expect([...(await value.keys())].sort()).toEqual([...names].sort());
      const answers = await get().all(names.map((name) => value.get(name).at(0)));
      expect(answers).toEqual(names.map((_, i) => i));
      assert.deepStrictEqual(await value.toJS(), source);
    });

    test("are given in the order of their bytes, those with a prefix, and so many", async () => {
      const value = await load('{ b = 1; a1 = throw "no"; a2 = 1; a = 1; "é" = 1; "\uffff" = 1; "🦊" = 1; }');
      const all = ["a", "a1", "a2", "b", "é", "\uffff", "🦊"];
      expect(await value.keys()).toEqual(all);
      expect(await value.keys({ prefix: "a" })).toEqual(["a", "a1", "a2"]);
      expect(await value.keys({ prefix: "a", limit: 2 })).toEqual(["a", "a1"]);
      expect(await value.keys({ limit: 0 })).toEqual([]);
      expect(await value.keys({ limit: 100 })).toEqual(all);
      expect(await value.keys({ prefix: "🦊" })).toEqual(["🦊"]);
      for (const prefix of ["c", "a3", "0", "🦋", "a\0"]) expect(await value.keys({ prefix })).toEqual([]);
      expect((await failureOf(value.get("b").keys())).code).toBe("ERR_EVALUATION");
    });
  });

  test("have a type, a length and a description, without what is in them", async () => {
    const value = await load(`{
      derivation = ${DERIVATION}; set = { x = throw "no"; type = "derivation"; }; list = [ (throw "no") ]; lambda = x: x;
      string = "a"; path = /a; int = 1; float = 1.5; bool = true; null = null;
    }`);
    for (const type of await value.keys()) expect(await value.get(type).type()).toBe(type);
    expect(await value.get("list").length()).toBe(1);
    expect(await value.get("set").length()).toBe(2);
    expect((await failureOf(value.get("int").length())).code).toBe("ERR_EVALUATION");
    expect(await value.get("int").describe({ value: true })).toMatchObject({ type: "int", value: 1 });
    expect(await value.get("list").describe()).not.toHaveProperty("value");
    expect(await value.get("list").at(0).position()).toBeUndefined();
    expect(await value.describe()).toEqual({ type: "set" });
  });

  describe("positions", () => {
    test("are those of the text, its relative paths notwithstanding", async () => {
      const value = await load("[ ./a ../b { c = 1; d = ./e; f = { g = 2; }; } ]");
      const set = value.at(2);
      expect(await set.get("c").position()).toEqual({ file: "«stdin»", line: 1, column: 14 });
      expect(await set.position("d")).toEqual({ file: "«stdin»", line: 1, column: 21 });
      expect(await set.get("f", "g").position()).toEqual({ file: "«stdin»", line: 1, column: 36 });
      expect((await set.get("f").describe()).position).toEqual({ file: "«stdin»", line: 1, column: 30 });
      expect(await value.position()).toBeUndefined();
      expect(await set.position("none")).toBeUndefined();
    });

    test("are those of files", async () => {
      const file = folder.join("positions.nix");
      await writeFile(file, "{\n  a = 1;\n    b = ./x;\n}\n");
      const value = await get().load({ file });
      expect(await value.position("a")).toEqual({ file, line: 2, column: 3 });
      expect(await value.get("b").position()).toEqual({ file, line: 3, column: 5 });
    });
  });

  describe("functions", () => {
    test("tell their arguments, functors too", async () => {
      const value = await load(`{
        named = { a, b ? 1, ... }: a; any = x: x;
        functor = { __functor = self: { c }: c; };
        overridable = { __functor = self: x: x; __functionArgs = { d = true; }; };
      }`);
      expect(await value.get("named").functionArgs()).toEqual({ a: false, b: true });
      expect(await value.get("any").functionArgs()).toEqual({});
      expect(await value.get("functor").functionArgs()).toEqual({ c: false });
      expect(await value.get("overridable").functionArgs()).toEqual({ d: true });
      const js = await value.get("named").toJS();
      expect(js).toBeInstanceOf(NixFunction);
      expect(js).toEqual(new NixFunction({ a: false, b: true }));
    });

    test("are called with data, expressions and other values, with one after the other", async () => {
      const value = await load(
        "{ add = a: b: a + b; twice = f: x: f (f x); double = x: x * 2; functor = { n = 5; __functor = self: x: self.n + x; }; set = { a, b ? 2 }: [ a b ]; }",
      );
      expect(await (await value.get("add").call(1, 2)).toJS()).toBe(3);
      const partial = await value.get("add").call("a${b}\t");
      expect(await partial.type()).toBe("lambda");
      expect(await (await partial.call('"')).toJS()).toBe('a${b}\t"');
      expect(await (await value.get("twice").call(value.get("double"), 3)).toJS()).toBe(12);
      expect(await (await value.get("twice").call(partial, "x")).toJS()).toBe("a${b}\ta${b}\tx");
      expect(await (await value.get("functor").call(1)).toJS()).toBe(6);
      expect(await (await value.get("set").call({ a: 1 })).toJS()).toEqual([1, 2]);
      const results = await Promise.all([1, 2, 3].map((n) => value.get("double").call(n)));
      expect(await get().all(results)).toEqual([2, 4, 6]);
      expect((await failureOf(value.get("set").call({ c: 1 }))).code).toBe("ERR_EVALUATION");
      expect((await failureOf(value.get("add").call(1, 2, 3))).code).toBe("ERR_EVALUATION");
    });

    test("are called with nothing: the same value", async () => {
      expect(await (await (await load("1")).call()).toJS()).toBe(1);
    });
  });

  describe("as JavaScript has them", () => {
    test("keep what JSON would change", async () => {
      const source = `{ a = { outPath = "x"; y = 1; }; b = { __toString = self: "x"; }; c = { __laminix = [ "int" "1" ]; };
        d = { type = "derivation"; x = 1; }; e = { __laminix = 1; outPath = { __laminix = 2; }; }; "__proto__" = 3; }`;
      const found = (await toJS(source)) as Record<string, unknown>;
      expect(Object.keys(found)).toContain("__proto__");
      expect(found).toMatchObject({
        a: { outPath: "x", y: 1 },
        b: { __toString: new NixFunction({}) },
        c: { __laminix: ["int", "1"] },
        d: { type: "derivation", x: 1 },
        e: { __laminix: 1, outPath: { __laminix: 2 } },
      });
    });

    test("have exact numbers", async () => {
      const max = 1.7976931348623157e308;
      const floats = [
        0.1,
        1 / 3,
        5e-324,
        2.2250738585072014e-308,
        1e-310,
        1e300,
        -1e300,
        max,
        -max,
        1e22,
        123456789.125,
      ];
      expect(await toJS(toNix(floats))).toEqual(floats);
      expect(await toJS("[ (-1 * 0.0) (1.0e308 * 10) (-1.0e308 * 10) 2.0 ]")).toEqual([
        -0,
        Infinity,
        -Infinity,
        2,
      ]);
      expect(await toJS("(1.0e308 * 10) * 0.0")).toBeNaN();
      const integers = [9007199254740991n, 9007199254740992n, 2n ** 63n - 1n, -(2n ** 63n)];
      expect(await toJS(toNix(integers))).toEqual([9007199254740991, ...integers.slice(1)]);
    });

    test("have strings of any character, and what looks like the prompt's own text", async () => {
      const key = '"0123456789abcdef.1"';
      const texts = [
        ...oddTexts,
        controlCharacters,
        key,
        "\nnix-repl> \n",
        "error: no",
        "@nix {}",
        "trace: x",
      ];
      expect(await toJS(toNix(texts))).toEqual(texts);
    });

    test("have the questions' own key in them", async () => {
      // `K` is in scope of what is typed, and not of what is loaded.
      expect((await failureOf(load("K"))).code).toBe("ERR_EVALUATION");
      expect((await failureOf(load("L.ask"))).code).toBe("ERR_EVALUATION");
    });

    test("have no strings that are not UTF-8", async () => {
      const file = folder.join("bytes");
      await writeFile(file, Buffer.from([0x61, 0xff, 0x62]));
      const value = await load(`{ bad = builtins.readFile ${file}; good = 1; }`);
      const { code } = await failureOf(value.get("bad").toJS());
      expect(code).toMatch(release === "installed" ? /^ERR_JSON$/ : /^ERR_JSON$|^ERR_EVALUATION$/);
      expect(await value.get("good").toJS()).toBe(1);
      const settled = await get().allSettled([value.get("bad"), value.get("good")]);
      expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    });

    test("may be of 50 MB", async () => {
      const source =
        'builtins.concatStringsSep "" (builtins.genList (_: "0123456789\\n\\"${\'\'$\'\'}\\\\") (50 * 1000 * 1000 / 14))';
      const text = await toJS(source);
      expect(text).toBe('0123456789\n"$\\'.repeat(Math.floor(50_000_000 / 14)));
    });

    test("have paths that are copied nowhere, there or not", async () => {
      expect(await toJS(`[ /does/not/exist ${folder.path} ]`)).toEqual(["/does/not/exist", folder.path]);
    });
  });

  describe("derivations", () => {
    test("are told of, and instantiated only where they are to", async () => {
      await using apart = await evaluatorOf(release);
      const value = await apart.load(`{ it = ${DERIVATION}; }`);
      const it = { type: "derivation", name: "it", system: "x86_64-linux", outputs: ["out", "dev"] };
      expect(await value.toJS()).toEqual({ it });
      const { drvPath } = (await value.get("it").toJS({ drvPath: true })) as { drvPath: string };
      expect(drvPath).toMatch(/^\/nix\/store\/[a-z0-9]{32}-it\.drv$/);
      expect(await value.get("it", "outPath").toJS()).toMatch(/-it$/);
      expect(readdirSync("/nix/store", { encoding: "utf8" })).not.toContain(
        drvPath.slice("/nix/store/".length),
      );
      expect(await value.get("it", "drvPath").context()).toEqual({ [drvPath]: { allOutputs: true } });
      expect(await value.get("it", "dev").get("outPath").context()).toEqual({
        [drvPath]: { outputs: ["dev"] },
      });
    });

    test("that are broken are told of as far as they go", async () => {
      expect(await toJS('{ type = "derivation"; drvPath = throw "no"; name = "x"; }')).toEqual({
        type: "derivation",
        name: "x",
        system: null,
        outputs: ["out"],
      });
    });
  });

  describe("bounds", () => {
    test("are kept to the last character and level", async () => {
      const value = await load('{ list = [ [ [ ] ] ]; string = "12345"; }');
      expect(await value.get("list").toJS({ depth: 2 })).toEqual([[[]]]);
      expect(await failureOf(value.get("list").toJS({ depth: 1 }))).toMatchObject({
        code: "ERR_VALUE_TOO_LARGE",
        details: { depth: 1 },
      });
      expect(await value.get("string").toJS({ size: 5 })).toBe("12345");
      expect(await failureOf(value.get("string").toJS({ size: 4 }))).toMatchObject({
        code: "ERR_VALUE_TOO_LARGE",
        details: { size: 4 },
      });
    });

    test("end what never ends", async () => {
      const value = await load(
        "{ self = let a = { inherit a; }; in a; list = let a = [ a a ]; in a; names = builtins.listToAttrs (builtins.genList (i: { name = toString i; value = i; }) 1000); }",
      );
      expect((await failureOf(value.get("self").toJS())).code).toBe("ERR_VALUE_TOO_LARGE");
      expect((await failureOf(value.get("list").toJS({ size: 100_000 }))).code).toBe("ERR_VALUE_TOO_LARGE");
      const { code, details } = await failureOf(value.get("self").toJS({ depth: 10 }));
      expect({ code, details }).toEqual({ code: "ERR_VALUE_TOO_LARGE", details: { depth: 10 } });
      expect((await failureOf(value.get("names").toJS({ size: 1000 }))).code).toBe("ERR_VALUE_TOO_LARGE");
      expect(await value.get("names").length()).toBe(1000);
    });
  });

  describe("many at once", () => {
    test("are answered in order, of different roots too", async () => {
      const one = await load("{ a = 1; b = [ 2 3 ]; }");
      const two = await load('"x"');
      expect(await get().all([one.get("b").at(1), two, one.get("a"), two])).toEqual([3, "x", 1, "x"]);
      expect(await get().all([])).toEqual([]);
    });

    test("have each its own error", async () => {
      const value = await load(`{
        good = 1; thrown = throw "thrown it"; asserted = assert false; 1; type = 1 + "a"; deep = [ { x = throw "deep"; } ];
        aborted = abort "aborted it"; large = let a = [ a ]; in a;
      }`);
      const names = [
        "good",
        "thrown",
        "missing",
        "asserted",
        "type",
        "good",
        "deep",
        "aborted",
        "large",
        "good",
      ];
      const results = await get().allSettled(names.map((name) => value.get(name)));
      const told = results.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason)));
      const expected = [
        /^1$/,
        /thrown it/,
        /missing/,
        /assert/,
        /(cannot|string|integer)/,
        /^1$/,
        /deep/,
        /aborted it/,
        /nested deeper/,
        /^1$/,
      ];
      for (const [i, pattern] of expected.entries()) expect(JSON.stringify(told[i])).toMatch(pattern);
      const error = await failureOf(get().all(names.slice(2).map((name) => value.get(name))));
      expect(error.message).toMatch(/missing/);
      expect((await failureOf(get().all([value.get("thrown"), value.get("missing")]))).message).toMatch(
        /thrown it/,
      );
    });
  });
});
