/** The `layeringPipeline` of a spec, which is written in it or in a file of its own, and the layers that it makes. */
import { graphOf } from "../layering/graph.js";
import { oversights } from "../layering/pipeline/oversights.js";
import { parsePipeline } from "../layering/pipeline/parse.js";
import { runPipeline } from "../layering/pipeline/run.js";
import type { Pipeline } from "../layering/pipeline/step.js";
import type { Progress } from "../progress.js";
import { jsonOrFile } from "../spec/jsonOrFile.js";
import type { ResolvedSpec } from "../spec/spec.js";
import type { Layering } from "./layering.js";

/**
 * @param given a list of steps, or the name of a file of JSON that has it
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON
 */
export async function readPipeline(
  given: NonNullable<ResolvedSpec["layeringPipeline"]>,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Pipeline> {
  const key = "layeringPipeline";
  const name = typeof given === "string" ? `${given}: ${key}` : key;
  return parsePipeline(await jsonOrFile(given, key, options), name);
}

/** How many layers overlay2, the storage driver of most engines, can mount. */
const MOST_LAYERS = 127;

/** @param progress is told what the pipeline did that was perhaps not meant */
export function pipelineLayering(pipeline: Pipeline, baseLayers: number, progress: Progress): Layering {
  return (closure, _, without) => {
    const graph = graphOf(closure, [], without);
    const layers = runPipeline(pipeline, graph);
    const messages = oversights(pipeline, graph, layers);
    const others = baseLayers + 1;
    if (others + layers.length > MOST_LAYERS) {
      const last = `["flatten"], ["limit_layers", ${String(MOST_LAYERS - others)}]`;
      messages.push(
        `the image has ${String(others + layers.length)} layers, and most engines cannot mount more than ` +
          `${String(MOST_LAYERS)}${others < MOST_LAYERS ? `: end layeringPipeline with ${last}` : ""}`,
      );
    }
    for (const message of messages) progress.warn(message);
    return layers;
  };
}
