/** Nix processes that are killed from outside, at every stage of a question. */
import { openEvaluator } from "laminix/evaluator";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../support/random.js";
import { describeEachNix, failure, markedEnvironment, processesOf, until } from "./lives.js";

describeEachNix("an evaluator whose Nix is killed", (release) => {
  const killAll = (mark: string): void => {
    for (const { pid } of processesOf(mark)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  };

  test("while nothing is asked answers the next question", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, spare: false });
    const value = await evaluator.load("{ a = 1; }");
    killAll(mark);
    await until(() => processesOf(mark).length === 0);
    // This process is told of their end some time later.
    await sleep(500);
    expect(await value.get("a").toJS()).toBe(1);
  });

  test("before it evaluates, while it evaluates, and while it prints, is told so, and answers the next", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env });
    const set = await evaluator.load(`{
      a = 1;
      slow = builtins.foldl' (a: _: builtins.foldl' (x: y: x + y) a (builtins.genList (i: i) 100000)) 0
        (builtins.genList (i: i) 100000);
      large = builtins.genList (i: "item \${toString i} of a large list") 300000;
    }`);
    const random = new Random(release.length);
    for (let round = 0; round < 12; round++) {
      const name = round % 2 === 0 ? "large" : "slow";
      const asked = set.get(name).toJS();
      asked.catch(() => undefined);
      await sleep(name === "slow" ? random.below(60) : random.below(400));
      killAll(mark);
      const result = await Promise.allSettled([asked]).then(([settled]) => settled);
      // An answer that was there already is whole.
      if (result.status === "fulfilled") expect(result.value).toHaveLength(300_000);
      else expect(result.reason).toMatchObject({ code: "ERR_PROGRAM" });
      expect(await retried(() => set.get("a").toJS())).toBe(1);
    }
  });

  test("while others wait answers them, and the one that was asked is told so", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, spare: false });
    const set = await evaluator.load("{ a = 1; f = n: n; }");
    const slow = await evaluator.load(`_: builtins.foldl' (a: _: builtins.foldl' (x: y: x + y) a
      (builtins.genList (i: i) 100000)) 0 (builtins.genList (i: i) 100000)`);
    const called = await set.get("f").call(7);
    const asked = failure(slow.call(0));
    const waiting = [set.get("a").toJS(), set.keys(), failure(called.toJS())];
    await sleep(100);
    killAll(mark);
    expect(await asked).toMatchObject({ code: "ERR_PROGRAM" });
    expect(await Promise.all(waiting)).toMatchObject([1, ["a", "f"], { code: "ERR_EVALUATOR_STALE" }]);
  });
});

/** A process that was killed while it was made ready may be the one that is asked: that too is told. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_PROGRAM" });
    }
  }
}
