/**
 * nixpkgs' `flatten_references_graph`: a pipeline of operations turns the closure's graph into layers. Each operation
 * takes what the one before it has made; whatever comes out at the end is taken apart into graphs, a layer each.
 */
import { type Graph, type LayerPlan, toPlan } from "../graph.js";
import { type Data, isGraph, isParts } from "./data.js";
import { aList, listOfGraphs, oneGraph, partsWith } from "./needs.js";
import { limitLayers, removePaths, splitEvery } from "./pieces.js";
import { popularityContest } from "./popularityContest.js";
import { splitPaths } from "./splitPaths.js";
import type { Pipeline, Step } from "./step.js";
import { bySize } from "./subgraph.js";
import { subcomponent } from "./subcomponent.js";

/**
 * @param graph without virtual nodes: they take no part
 * @throws {LaminixError} ERR_SPEC where an operation cannot work on what it gets, ERR_GRAPH for a circle
 */
export function runPipeline(pipeline: Pipeline, graph: Graph): LayerPlan {
  const graphs = flatten(pipe(pipeline, bySize(graph)));
  return graphs.flatMap((each) => toPlan([each.names.map((_, node) => node)], each));
}

function pipe(steps: Pipeline, data: Data): Data {
  return steps.reduce((current, step) => apply(step, current), data);
}

function apply(step: Step, data: Data): Data {
  switch (step.op) {
    case "popularity_contest":
      return popularityContest(oneGraph(step, data));
    case "split_every":
      return splitEvery(oneGraph(step, data), step.count);
    case "split_paths":
      return splitPaths(oneGraph(step, data), step);
    case "subcomponent_in":
      return subcomponent(oneGraph(step, data), step.paths, "in");
    case "subcomponent_out":
      return subcomponent(oneGraph(step, data), step.paths, "out");
    case "remove_paths":
      return removePaths(oneGraph(step, data), step.paths);
    case "limit_layers":
      return limitLayers(listOfGraphs(step, data), step.count);
    case "reverse":
      return aList(step, data).toReversed();
    case "map":
      return aList(step, data).map((item) => apply(step.step, item));
    case "flatten":
      return flatten(data);
    case "pipe":
      return pipe(step.steps, data);
    case "over": {
      const [parts, part] = partsWith(step, step.part, data);
      return new Map(parts).set(step.part, apply(step.step, part));
    }
  }
}

function flatten(data: Data): Graph[] {
  if (isGraph(data)) return [data];
  const items = isParts(data) ? [...data.values()] : data;
  return items.flatMap(flatten);
}
