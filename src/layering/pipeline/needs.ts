/** What an operation can work on, and what to do where it gets something else. */
import { LaminixError } from "../../errors.js";
import type { Graph } from "../graph.js";
import { type Data, describe, isGraph, isItems, isParts, type Items, type Parts } from "./data.js";
import { type Step, USAGE } from "./step.js";

/** @throws {LaminixError} ERR_SPEC */
export function oneGraph(step: Step, data: Data): Graph {
  if (isGraph(data)) return data;
  const hint = isItems(data)
    ? `for each of them, write ["map", ${USAGE[step.op]}]`
    : `for one of them, write ["over", PART, ${USAGE[step.op]}]`;
  throw unfit(step, `a graph, got ${describe(data)}`, hint);
}

/** @throws {LaminixError} ERR_SPEC */
export function aList(step: Step, data: Data): Items {
  if (isItems(data)) return data;
  throw unfit(step, `a list, got ${describe(data)}`, before(data));
}

/** @throws {LaminixError} ERR_SPEC */
export function listOfGraphs(step: Step, data: Data): readonly Graph[] {
  if (isItems(data) && data.every(isGraph)) return data;
  throw unfit(step, `a list of graphs, got ${describe(data)}`, before(data));
}

function before(data: Data): string {
  return isGraph(data)
    ? 'make a list of the graph before it, for example with ["popularity_contest"]'
    : 'put ["flatten"] before it';
}

/** @throws {LaminixError} ERR_SPEC */
export function partsWith(step: Step, name: string, data: Data): readonly [Parts, Data] {
  if (!isParts(data))
    throw unfit(
      step,
      `parts, got ${describe(data)}`,
      "split_paths, subcomponent_out and subcomponent_in make them",
    );
  const part = data.get(name);
  if (part !== undefined) return [data, part];
  throw unfit(
    step,
    `a part ${JSON.stringify(name)}, got ${describe(data)}`,
    "split_paths makes main, common and rest, but none that would be empty",
  );
}

function unfit({ at, op }: Step, what: string, hint: string): LaminixError {
  return new LaminixError("ERR_SPEC", `${at} (${op}) needs ${what}`, {
    details: { key: "layeringPipeline", step: at },
    hint,
  });
}
