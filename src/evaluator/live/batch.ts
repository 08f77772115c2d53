/** Many values asked for at once. */
import { LaminixError } from "../../errors.js";
import { type Bounds, dataIn, type NixData, parseAnswer } from "./data.js";
import type { EvaluatorValue } from "./evaluatorValue.js";
import type { QuestionOptions } from "./options.js";
import type { Questions } from "./questions.js";
import { sessionOf } from "./root.js";

/** A value, or why there is none. */
export type Settled = PromiseSettledResult<NixData>;

export interface Batch {
  readonly questions: Questions;
  readonly bounds: Bounds;
  readonly options: QuestionOptions;
  /** Whether the first failure is enough. */
  readonly isOver: (result: Settled) => boolean;
}

/**
 * One round for all, if they can be evaluated or fail by `throw` or `assert`. What else fails takes the others with it, so
 * then each half is asked for alone.
 */
export async function askAll(values: readonly EvaluatorValue[], batch: Batch): Promise<Settled[]> {
  if (values.length === 0) return [];
  let answers: readonly unknown[];
  try {
    answers = await round(values, batch);
  } catch (reason) {
    if (!isOfValue(reason)) throw reason;
    if (values.length === 1) return [{ status: "rejected", reason }];
    const middle = values.length >>> 1;
    const first = await askAll(values.slice(0, middle), batch);
    if (first.some(batch.isOver)) return first;
    return [...first, ...(await askAll(values.slice(middle), batch))];
  }
  const results: Settled[] = [];
  for (const [i, value] of values.entries()) {
    const result = await settle(answers[i], value, batch);
    results.push(result);
    if (batch.isOver(result)) break;
  }
  return results;
}

async function round(values: readonly EvaluatorValue[], batch: Batch): Promise<readonly unknown[]> {
  const { questions, bounds, options } = batch;
  const roots = [...new Set(values.map(({ root }) => root))];
  const places = new Map(roots.map((root, i) => [root, i]));
  const { json } = await questions.send(
    {
      about: `L.all [ ${roots.map(({ name }) => name).join(" ")} ]`,
      bindings: roots.flatMap(({ bindings }) => bindings),
      data: { items: values.map(({ root, path }) => [places.get(root), path]), bounds },
      session: sessionOf(roots),
    },
    options,
  );
  return parseAnswer(json) as readonly unknown[];
}

async function settle(answer: unknown, value: EvaluatorValue, batch: Batch): Promise<Settled> {
  try {
    // What was thrown is told only where it is asked for alone.
    if (answer === null) {
      const { questions, bounds, options } = batch;
      const alone = await questions.ask<{ value: unknown }>(
        value.root,
        value.path,
        { value: bounds },
        options,
      );
      return { status: "fulfilled", value: dataIn(alone.value, bounds) };
    }
    return { status: "fulfilled", value: dataIn(answer, batch.bounds) };
  } catch (reason) {
    if (!isOfValue(reason)) throw reason;
    return { status: "rejected", reason };
  }
}

/** Whether an error says something of the value, and not of the question. */
function isOfValue(error: unknown): boolean {
  const codes = ["ERR_EVALUATION", "ERR_EVALUATION_BUILDS", "ERR_VALUE_TOO_LARGE", "ERR_JSON"];
  return error instanceof LaminixError && codes.includes(error.code);
}
