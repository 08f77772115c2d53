/* eslint @typescript-eslint/no-unsafe-class-instance-assignment: "off" -- it does not end with types that contain themselves */
import assert from "node:assert/strict";
import { type NixData, toNix } from "laminix/evaluator";
import { expect, test } from "vitest";
import { describeEvaluators } from "../../support/evaluators.js";
import { type PlainValue, randomValue, withoutNegativeZero } from "../../support/nixValues.js";
import { Random } from "../../support/random.js";
import { repetitions } from "../../support/repetitions.js";

const CASES = repetitions(300, 10_000);
const BATCH = 100;

/** Lists of random values, as many as are asked for at once. */
function* batches(seed: number): Generator<readonly PlainValue[]> {
  const random = new Random(seed);
  for (let done = 0; done < CASES; done += BATCH)
    yield Array.from({ length: BATCH }, () => randomValue(random));
}

/** Unlike `expect`, `assert` compares an attribute `constructor` as any other. */
function expectSame(found: NixData, given: readonly PlainValue[]): void {
  const values = found as readonly NixData[];
  expect(values).toHaveLength(given.length);
  for (const [i, value] of given.entries()) {
    assert.deepStrictEqual(values[i], withoutNegativeZero(value));
  }
}

describeEvaluators("any value comes back as it was", (get) => {
  test("from its Nix source", { timeout: 600_000 }, async () => {
    for (const values of batches(1)) expectSame(await (await get().load(toNix(values))).toJS(), values);
  });

  test("from a function that returns its argument", { timeout: 600_000 }, async () => {
    const identity = await get().load("x: x");
    for (const values of batches(2)) expectSame(await (await identity.call(values)).toJS(), values);
  });

  test("as one of many that are asked for at once", async () => {
    for (const values of [...batches(3)].slice(0, 3)) {
      const list = await get().load(toNix(values));
      expectSame(await get().all(values.map((_, i) => list.at(i))), values);
    }
  });
});
