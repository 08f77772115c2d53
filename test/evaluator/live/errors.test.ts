import { writeFile } from "node:fs/promises";
import { evaluate, type EvaluationDetails, type LogEvent } from "laminix/evaluator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeEvaluators } from "../../support/evaluators.js";
import { failureOf } from "../../support/failure.js";
import { searchPath } from "../../support/nixes.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

const messagesIn = (events: readonly LogEvent[]): string =>
  events.map((event) => ("text" in event ? event.text : "")).join("\n");

const failing: Readonly<Record<string, string>> = {
  throw: '{\n  a = throw "no way";\n}.a',
  assert: "let\n  x = 1;\nin\n  assert x == 2; x",
  abort: 'builtins.abort "over"',
  type: 'let f = x: x + "a"; in\nf 1',
  infinite: "let x = x; in x",
  syntax: "{\n  a = ;\n}",
  undefined: "{ a = b; }",
};

describeEvaluators("errors", (get, { release }) => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder("live-errors");
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  describe("are those of evaluate, and the evaluator answers afterwards:", () => {
    test.each(Object.entries(failing))("%s", async (name, text) => {
      const file = folder.join(`${name}.nix`);
      await writeFile(file, text);
      const env = { PATH: searchPath(release) };
      const expected = (await failureOf(evaluate({ file }, { env }))) as unknown as Failure;
      const found = (await failureOf(
        get()
          .load({ file })
          .then((value) => value.toJS()),
      )) as unknown as Failure;
      expect(found.code).toBe("ERR_EVALUATION");
      expect(found.details.message).toBe(expected.details.message);
      expect(found.details.position).toEqual(expected.details.position);
      expect(found.hint).toBe(expected.hint);
      const places = ({ details }: Failure): unknown[] =>
        details.trace.filter(({ position }) => position?.file === file).map(({ position }) => position);
      expect(places(found)).toEqual(places(expected));
      expect(await (await get().load("1")).toJS()).toBe(1);
    });
  });

  test("of a recursion without end do not end the evaluator", async () => {
    const value = await get().load("{ deep = let f = n: 1 + f (n + 1); in f 0; good = 1; }");
    expect((await failureOf(value.get("deep").toJS())).message).toMatch(/stack overflow|max-call-depth/);
    expect(await value.get("good").toJS()).toBe(1);
  });

  test("show nothing of the library's source and key", async () => {
    const sources = [...Object.values(failing), "{ a", "x: x"];
    for (const text of sources) {
      const error = await failureOf(
        get()
          .load(text)
          .then((value) => value.get("none").keys()),
      );
      expect(`${error.message}${JSON.stringify(error.details)}`).not.toMatch(
        /attrspat|L\.ask|builtins\.fromJSON|[0-9a-f]{16}|\bK \+|\/laminix-[^t]/,
      );
    }
  });

  test("that were thrown once are thrown again", async () => {
    const value = await get().load('{ bad = throw "each time"; }');
    for (let i = 0; i < 3; i++)
      expect((await failureOf(value.get("bad").toJS())).message).toMatch(/each time/);
  });

  test("come without what was said to other questions", async () => {
    const value = await get().load(
      '{ a = builtins.trace "said of a" 1; b = builtins.trace "said of b" 2; c = 3; bad = throw "no"; }',
    );
    const heard: Record<string, LogEvent[]> = { a: [], b: [], c: [], bad: [] };
    await Promise.allSettled(
      Object.entries(heard).map(([name, events]) =>
        value.get(name).toJS({ onLog: (event) => events.push(event) }),
      ),
    );
    const said = (name: string): string => messagesIn(heard[name]!);
    expect(said("a")).toMatch(/said of a/);
    expect(said("a")).not.toMatch(/said of b/);
    expect(said("b")).toMatch(/said of b/);
    expect(said("b")).not.toMatch(/said of a/);
    expect(said("c")).not.toMatch(/said/);
    const { details } = (await failureOf(value.get("bad").toJS())) as unknown as Failure;
    expect(details.log.join("\n")).not.toMatch(/said/);
  });
});

interface Failure {
  readonly code: string;
  readonly hint?: string;
  readonly details: EvaluationDetails;
}
