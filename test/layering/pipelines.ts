/** Pipelines that look random, and what the plain description of them in Python makes of them. */
import path from "node:path";
import { mustRun } from "../support/run.js";
import type { Random } from "../support/random.js";
import type { Node } from "./reference.js";

export interface PipelineCase {
  readonly nodes: readonly Node[];
  readonly pipeline: readonly unknown[];
}

const script = path.join(import.meta.dirname, "../support/reference_pipeline.py");

/** Layers by their names; null where an operation does not fit what it gets. */
export async function referenceLayers(cases: readonly PipelineCase[]): Promise<(string[][] | null)[]> {
  const input = cases.map(({ nodes, pipeline }) => ({
    graph: nodes.map(({ name, narSize, references }) => ({ path: name, narSize, references })),
    pipeline,
    exclude: nodes.filter(({ isVirtual }) => isVirtual).map(({ name }) => name),
  }));
  const { stdout } = await mustRun("python3", [script], { input: JSON.stringify(input) });
  return JSON.parse(stdout.toString()) as (string[][] | null)[];
}

/** What a step makes, as far as the next one must know. */
type Shape = "graph" | { readonly parts: readonly string[]; readonly of: Shape } | { readonly list: Shape };
type Made = readonly [step: unknown[], shape: Shape];

const ALL_PARTS = ["main", "common", "rest"];

/** Steps that mostly fit one another. */
export function randomPipeline(random: Random, names: readonly string[]): unknown[] {
  return steps(random, names, "graph", 3)[0];
}

function steps(random: Random, names: readonly string[], start: Shape, depth: number): Made {
  let shape = start;
  const made = Array.from({ length: random.below(6) }, () => {
    const fits = random.chance(0.96);
    const [step, next] = stepFor(random, names, fits ? shape : random.pick(SHAPES), depth);
    if (fits) shape = next;
    return step;
  });
  return [made, shape];
}

const SHAPES: readonly Shape[] = ["graph", { parts: ALL_PARTS, of: "graph" }, { list: "graph" }];

function stepFor(random: Random, names: readonly string[], shape: Shape, depth: number): Made {
  if (depth > 0 && random.chance(0.1)) {
    const [inner, next] = steps(random, names, shape, depth - 1);
    return [["pipe", inner], next];
  }
  if (shape === "graph") return graphStep(random, names);
  if ("parts" in shape) {
    if (depth === 0 || random.chance(0.3)) return [["flatten"], { list: "graph" }];
    const part = random.pick(shape.parts);
    return [["over", part, stepFor(random, names, shape.of, depth - 1)[0]], { ...shape, of: "graph" }];
  }
  if (shape.list !== "graph" && random.chance(0.4)) return [["flatten"], { list: "graph" }];
  if (shape.list === "graph" && random.chance(0.3)) return [["limit_layers", 1 + random.below(6)], shape];
  if (depth === 0 || random.chance(0.3)) return [["reverse"], shape];
  const [step, next] = stepFor(random, names, shape.list, depth - 1);
  return [["map", step], { list: next }];
}

function graphStep(random: Random, names: readonly string[]): Made {
  const name = (): string => (random.chance(0.1) ? "/nix/store/unknown" : random.pick(names));
  const some = (): string[] => Array.from({ length: random.below(4) }, name);
  const one = (): unknown =>
    random.chance(0.7) ? name() : { children_of: random.chance(0.5) ? name() : some() };
  return random.pick<() => Made>([
    () => [["popularity_contest"], { list: "graph" }],
    () => [["split_every", 1 + random.below(8)], { list: "graph" }],
    () => [["remove_paths", random.chance(0.5) ? name() : some()], "graph"],
    () => [["split_paths", Array.from({ length: random.below(4) }, one)], { parts: ALL_PARTS, of: "graph" }],
    () => [["split_paths", [one()]], { parts: ["main", "rest"], of: "graph" }],
    () => [["subcomponent_out", some()], { parts: ["main", "rest"], of: "graph" }],
    () => [["subcomponent_in", some()], { parts: ["main", "rest"], of: "graph" }],
  ])();
}
