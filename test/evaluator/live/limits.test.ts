import { type EvaluatorValue, openEvaluator } from "laminix/evaluator";
import { expect, test } from "vitest";
import { repetitions } from "../../support/repetitions.js";
import { describeEachNix, failure, markedEnvironment, processesOf, until } from "./lives.js";

const MIB = 2 ** 20;
/** A thousand calls each: 31 are more than a process has names for. */
const ROUNDS = repetitions(1, 31);
/** Takes a gigabyte after another. */
const greedy = `_: builtins.length (builtins.concatLists (builtins.genList
  (i: builtins.genList (j: { a = i; b = j; }) 1000) 10000000))`;

describeEachNix("the limits of an evaluator", (release) => {
  test("of memory end the question, and leave an evaluator that answers", async () => {
    const { env } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, memoryLimit: 400 * MIB });
    const function_ = await evaluator.load(greedy);
    const five = await evaluator.load("{ five = 5; }");
    const error = await failure(function_.call(null));
    expect(error).toMatchObject({
      code: "ERR_EVALUATOR_MEMORY",
      details: { memoryLimit: 400 * MIB },
      hint: expect.stringContaining("memoryLimit"),
    });
    expect(await five.get("five").toJS()).toBe(5);
  });

  test("of memory let a process that has grown be replaced between questions, unseen", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, memoryLimit: 800 * MIB });
    const set = await evaluator.load("{ small = 1; }");
    const list = await evaluator.load(
      "n: builtins.deepSeq (builtins.genList (i: { inherit i n; }) 300000) n",
    );
    const first = nixPids(mark);
    for (let n = 0; n < 16; n++) {
      expect(await (await list.call(n)).toJS().catch(() => n)).toBe(n);
      expect(await set.get("small").toJS()).toBe(1);
    }
    await until(() => nixPids(mark).every((pid) => !first.includes(pid)));
    expect(await set.get("small").toJS()).toBe(1);
  });

  test("of names are passed by a new process", async () => {
    const { env } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, spare: false });
    const set = await evaluator.load("{ plus = a: a + 1; }");
    const plus = set.get("plus");
    for (let i = 0; i < ROUNDS; i++) {
      const results = await Promise.all(
        Array.from({ length: 1000 }, (_, j) => plus.call(i * 1000 + j).then((value) => staleOr(value))),
      );
      expect(results.filter((result, j) => result !== "stale" && result !== i * 1000 + j + 1)).toEqual([]);
    }
    expect(await set.keys()).toEqual(["plus"]);
  });

  test("of questions that wait reject those beyond", async () => {
    const { env } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, maxQueued: 10, spare: false });
    const value = await evaluator.load("1");
    const answers = await Promise.allSettled(Array.from({ length: 30 }, () => value.toJS()));
    const rejected = answers.filter((answer) => answer.status === "rejected");
    expect(answers.filter((answer) => answer.status === "fulfilled").length).toBeGreaterThanOrEqual(10);
    expect(rejected.length).toBeGreaterThan(0);
    for (const { reason } of rejected) expect(reason).toMatchObject({ code: "ERR_EVALUATOR_BUSY" });
    expect(await value.toJS()).toBe(1);
  });
});

async function staleOr(value: EvaluatorValue): Promise<unknown> {
  return value.toJS().catch((error: unknown) => {
    if ((error as { code?: string }).code === "ERR_EVALUATOR_STALE") return "stale";
    throw error as Error;
  });
}

function nixPids(mark: string): number[] {
  return processesOf(mark).map(({ pid }) => pid);
}
