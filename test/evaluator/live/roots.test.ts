import { mkdir, writeFile } from "node:fs/promises";
import { evaluate, type LoadSubjectOptions, nix, NixExpression, type Subject } from "laminix/evaluator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeEvaluators, evaluatorOf } from "../../support/evaluators.js";
import { failureOf } from "../../support/failure.js";
import { searchPath } from "../../support/nixes.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

describeEvaluators("what is loaded", (get, { release }) => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder("roots");
    await mkdir(folder.join("sub/in"), { recursive: true });
    await writeFile(folder.join("five.nix"), "5");
    await writeFile(folder.join("default.nix"), "6");
    await writeFile(folder.join("sub/in/seven.nix"), "7");
    await writeFile(folder.join("unfinished.nix"), "{ a = ");
  });
  afterAll(() => folder[Symbol.asyncDispose]());
  const toJS = async (subject: Subject, options?: LoadSubjectOptions): Promise<unknown> =>
    (await get().load(subject, options)).toJS();

  test("is text or a template", async () => {
    const name = 'a"${b}\n\t🦊';
    expect(await toJS(nix`{ x = [ ${name} ${2n ** 60n} ]; }`)).toEqual({ x: [name, 2n ** 60n] });
    expect(await toJS("\n# a comment\n\t1 /* another */ # and one at the end")).toBe(1);
  });

  test("is a file, or a folder of any name", async () => {
    const place = folder.join('odd "${x}" \\ $ é');
    await mkdir(place, { recursive: true });
    await writeFile(`${place}/default.nix`, '{ a."b.c" = { "d\\"e" = 8; }; }');
    expect(await toJS({ file: place })).toEqual({ a: { "b.c": { 'd"e': 8 } } });
    expect(await toJS({ file: place, attribute: 'a."b.c"."d\\"e"' })).toBe(8);
    expect((await failureOf(get().load({ file: place, attribute: "a.x" }))).code).toBe("ERR_EVALUATION");
    expect((await failureOf(get().load({ file: folder.join("none") }))).code).toBe("ERR_EVALUATION");
    for (const attribute of ["", "a..b", 'a."b']) {
      expect((await failureOf(get().load({ file: place, attribute }))).code).toBe("ERR_ARGUMENT");
    }
  });

  test("has its functions called as evaluate calls them", async () => {
    const file = folder.join("functions.nix");
    await writeFile(file, '{ n ? 1 }: { a = { m ? 2 }: { "b.c" = n + m; d = 0; }; }');
    const env = { PATH: searchPath(release) };
    const cases: readonly (readonly [Subject, Pick<LoadSubjectOptions, "args" | "autoArgs">])[] = [
      ["{ a, b ? 2 }: [ a b ]", { args: { a: 1, b: undefined } }],
      ["all: all", { args: { a: 1 } }],
      ["{ a }: a", { autoArgs: { a: 1, b: 2, c: undefined } }],
      ["{ a = 1; }", { autoArgs: { b: 2 } }],
      ["{ x }: { y }: x + y # three", { args: { x: 1 }, autoArgs: { y: 2 } }],
      ["{ a, ... }@all: all", { autoArgs: { a: 1, b: 2 } }],
      ["{ a }: a", { args: { a: new NixExpression("[ 1 2 ]") } }],
      [{ file, attribute: 'a."b.c"' }, { autoArgs: {} }],
      [{ file, attribute: 'a."b.c"' }, { autoArgs: { n: 10, m: 20 } }],
      [{ file, attribute: 'a."b.c"' }, { args: { n: 10 } }],
      [{ file, attribute: "a.d" }, {}],
    ];
    for (const [subject, options] of cases) {
      expect(await toJS(subject, options)).toEqual(await evaluate(subject, { ...options, env }));
    }
    expect((await failureOf(get().load("{ a }: a", { args: { a: 1, b: 2 } }))).code).toBe("ERR_EVALUATION");
  });

  describe("with relative paths", () => {
    const text = `{
      values = [ (import ./five.nix) (import ./.) (import sub/in/seven.nix) (import ./sub/../five.nix) ];
      text = "./five.nix \${toString 1} ./x"; indented = ''a/b ./c''; # ./comment
      division = 6 / 2; uri = https://a.example/b; up = toString ../.; /* ./another */
    }`;

    test("takes them from the folder that was given", async () => {
      const spaced = folder.join("a folder/of $names");
      await mkdir(`${spaced}/sub/in`, { recursive: true });
      await writeFile(`${spaced}/five.nix`, "5");
      await writeFile(`${spaced}/default.nix`, "6");
      await writeFile(`${spaced}/sub/in/seven.nix`, "7");
      for (const cwd of [folder.path, spaced]) {
        await using evaluator = await evaluatorOf(release, { cwd });
        expect(await (await evaluator.load(text)).toJS()).toMatchObject({
          values: [5, 6, 7, 5],
          text: "./five.nix 1 ./x",
          indented: "a/b ./c",
          division: 3,
          uri: "https://a.example/b",
        });
        const file = { file: "five.nix" };
        expect(await (await evaluator.load(file)).toJS()).toBe(5);
        expect(await (await (await evaluator.load("x: x")).call(nix`import ./five.nix`)).toJS()).toBe(5);
      }
    });

    test("finds <…> where it is told to look, and takes settings", async () => {
      await using evaluator = await evaluatorOf(release, {
        cwd: folder.path,
        include: [`five=${folder.join("five.nix")}`, folder.path],
        settings: { "restrict-eval": "false" },
        env: { NIX_PATH: `seven=${folder.join("sub/in/seven.nix")}` },
      });
      expect(
        await (
          await evaluator.load("[ (import <five>) (import <seven>) (import <sub/in/seven.nix>) ]")
        ).toJS(),
      ).toEqual([5, 7, 7]);
    });
  });

  describe("is a flake", () => {
    test("or an attribute of one, where nix eval looks for it", async () => {
      await mkdir(folder.join("flake"), { recursive: true });
      await writeFile(
        folder.join("flake/flake.nix"),
        `{ outputs = { self }: { packages.\${"x86_64-linux"}.p = 1; packages.\${"aarch64-linux"}.p = 1; p = 2; q.r = 3; }; }`,
      );
      await using evaluator = await evaluatorOf(release, { cwd: folder.path });
      for (const flake of [`path:${folder.join("flake")}`, "./flake", folder.join("flake")]) {
        expect(await (await evaluator.load({ flake, attribute: "p" })).toJS()).toBe(1);
        expect(await (await evaluator.load({ flake, attribute: "q.r" })).toJS()).toBe(3);
      }
      const flake = `path:${folder.join("flake")}`;
      expect(await (await evaluator.load({ flake })).keys()).toContain("q");
      const { code, message } = await failureOf(evaluator.load({ flake, attribute: "none" }));
      expect(code).toBe("ERR_EVALUATION");
      expect(message).toMatch(/none/);
    });
  });

  describe("and cannot be parsed", () => {
    const texts = [
      "{ a = ",
      '"',
      "''",
      ")",
      "(",
      ":q",
      ":r",
      "1)",
      "1) (2",
      "1; x = 2",
      "}",
      " ",
      "# only this",
      "/* open",
      '"${',
      "let in",
      "1 in 2",
      "\\",
    ];

    test.each(texts)("is an error, and the evaluator answers afterwards: %j", async (text) => {
      expect((await failureOf(get().load(text))).code).toBe("ERR_EVALUATION");
      expect(await toJS("1 + 1")).toBe(2);
    });

    test("in a file that is imported later, is an error of that file", async () => {
      const value = await get().load(nix`{ good = 1; bad = import ${folder.join("unfinished.nix")}; }`);
      const { code, message } = await failureOf(value.get("bad").toJS());
      expect(code).toBe("ERR_EVALUATION");
      expect(message).toMatch(/syntax error, unexpected end of file.* at .*unfinished\.nix:/);
      expect(await value.get("good").toJS()).toBe(1);
    });

    test("for its NUL characters, is a wrong argument", async () => {
      for (const subject of ["1\0", { file: "a\0" }]) {
        expect((await failureOf(get().load(subject))).code).toBe("ERR_ARGUMENT");
      }
    });
  });
});
