/** What a pipeline did that was perhaps not meant; nixpkgs says nothing of it. */
import type { Graph, LayerPlan } from "../graph.js";
import type { Pipeline, Step } from "./step.js";

/** Messages for a person. */
export function oversights(pipeline: Pipeline, graph: Graph, layers: LayerPlan): string[] {
  const known = new Set(graph.names);
  const stray = pipeline.flatMap(within).flatMap((step) => {
    const paths = namedBy(step);
    if (paths.length === 0 || paths.some((path) => known.has(path))) return [];
    const [first = ""] = paths;
    const which = paths.length === 1 ? `${first} is not` : `none of its ${String(paths.length)} paths is`;
    return [`${step.at} (${step.op}) finds nothing: ${which} in the closure`];
  });
  const left = graph.pathCount - layers.reduce((sum, layer) => sum + layer.length, 0);
  if (left === 0) return stray;
  const paths = left === 1 ? "1 store path is" : `${String(left)} store paths are`;
  return [...stray, `${paths} in no layer: layeringPipeline leaves out what it removes`];
}

/** A step, and the steps in it. */
function within(step: Step): Step[] {
  if (step.op === "map" || step.op === "over") return [step, ...within(step.step)];
  return step.op === "pipe" ? [step, ...step.steps.flatMap(within)] : [step];
}

function namedBy(step: Step): string[] {
  if (step.op === "split_paths") return [...step.paths, ...step.parents];
  return "paths" in step ? [...step.paths] : [];
}
