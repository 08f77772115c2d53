/** Questions that are given up, and what others see of it. */
import { type Evaluator, type EvaluatorValue, type LogEvent, openEvaluator } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEachNix, failure, forever, markedEnvironment, processesOf, until } from "./lives.js";

describeEachNix("a question that is given up", (release) => {
  const { env, mark } = markedEnvironment(release);
  let evaluator: Evaluator;
  let value: EvaluatorValue;
  beforeAll(async () => {
    evaluator = await openEvaluator({ env });
    value = await evaluator.load(`{
      one = 1;
      forever = builtins.trace "has begun" (${forever});
      json = builtins.genList (i: "\${toString i}-of-many") 2000000;
      add = a: b: a + b;
    }`);
  });
  afterAll(async () => {
    await evaluator.close();
    await until(() => processesOf(mark).length === 0);
  });

  /** Aborts once Nix has begun. */
  const cancelled = async (reason: Error): Promise<void> => {
    const controller = new AbortController();
    const onLog = (event: LogEvent) => {
      if (event.type === "trace" && event.text.includes("has begun")) controller.abort(reason);
    };
    const { signal } = controller;
    await expect(value.get("forever").toJS({ signal, onLog })).rejects.toBe(reason);
  };

  test("while pure code is evaluated rejects with the reason", async () => {
    await cancelled(new Error("enough"));
    expect(await value.get("one").toJS()).toBe(1);
  });

  test("by its timeout is ERR_EVALUATION_TIME", async () => {
    expect(await failure(value.get("forever").toJS({ timeout: 50 }))).toMatchObject({
      code: "ERR_EVALUATION_TIME",
      details: { timeout: 50 },
    });
    expect(await value.get("one").toJS()).toBe(1);
  });

  test("while JSON is made rejects with the reason", async () => {
    const error = await failure(value.get("json").toJS({ timeout: 30 }));
    expect(error.code).toBe("ERR_EVALUATION_TIME");
    expect(await value.get("one").toJS()).toBe(1);
  });

  test("before it is asked, or while it waits, leaves the process alone", async () => {
    const call = await value.get("add").call(1, 2);
    const reason = new Error("never mind");
    await expect(value.get("one").toJS({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const first = value.get("one").toJS();
    const second = value.get("one").toJS({ signal: controller.signal });
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(await first).toBe(1);
    expect(await call.toJS()).toBe(3);
  });

  test("takes the results of calls with it, and nothing else", async () => {
    const call = await value.get("add").call(1, 2);
    await cancelled(new Error("enough"));
    const stale = { code: "ERR_EVALUATOR_STALE" };
    expect(await failure(call.toJS())).toMatchObject(stale);
    expect(await failure(evaluator.all([value.get("one"), call]))).toMatchObject(stale);
    expect(await failure(value.get("add").call(call, 1))).toMatchObject(stale);
    expect(await (await value.get("add").call(2, 2)).toJS()).toBe(4);
  });

  test.each([1, 3])("is a delay for others, of a hundred on %i workers", async (workers) => {
    await using many = await openEvaluator({ env, workers });
    const add = await many.load('a: b: builtins.trace "has begun" (a + b)');
    const square = await many.load("{ n = builtins.genList (i: i * i) 100; }");
    const reason = new Error("half of them");
    const answers = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => {
        const controller = new AbortController();
        const item = square.get("n", i).toJS({ signal: controller.signal });
        if (i % 2)
          setTimeout(() => {
            controller.abort(reason);
          }, i);
        return item;
      }),
    );
    answers.forEach((answer, i) => {
      // One that is given up may have been answered by then.
      if (answer.status === "fulfilled") expect(answer.value).toBe(i * i);
      else expect([i % 2, answer.reason]).toEqual([1, reason]);
    });
    expect(await (await add.call(1, 2)).toJS()).toBe(3);
  });

  test("while no Nix has started yet, is given up", async () => {
    await using single = await openEvaluator({ env, spare: false });
    const one = await single.load("1");
    const reason = new Error("too slow");
    const reloading = single.reload();
    const question = one.toJS({ signal: AbortSignal.timeout(1) });
    await expect(question).rejects.toMatchObject({ name: "TimeoutError" });
    await reloading;
    const controller = new AbortController();
    const again = single.reload({ signal: controller.signal });
    controller.abort(reason);
    await expect(again).rejects.toBe(reason);
    expect(await one.toJS()).toBe(1);
  });

  test("whose roots take for ever to warm up, leaves others answered", async () => {
    await using slow = await openEvaluator({ env });
    const root = await slow.load(`{ n ? 1 }: builtins.trace "has begun" (${forever})`);
    const one = await slow.load("1");
    // The spare process warms up, and does not get far.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await failure(root.get("a").type({ timeout: 50 }))).code).toBe("ERR_EVALUATION_TIME");
    expect(await one.toJS()).toBe(1);
  });
});
