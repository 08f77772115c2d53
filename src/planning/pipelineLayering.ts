/** The `layeringPipeline` of a spec, which is written in it or in a file of its own, and the layers that it makes. */
import { LaminixError } from "../errors.js";
import { readTextSoon } from "../files/readText.js";
import { parseJson, toJs } from "../bytes/json.js";
import { graphOf } from "../layering/graph.js";
import { oversights } from "../layering/pipeline/oversights.js";
import { parsePipeline } from "../layering/pipeline/parse.js";
import { runPipeline } from "../layering/pipeline/run.js";
import type { Pipeline } from "../layering/pipeline/step.js";
import type { Layering } from "./layering.js";
import type { OnProgress } from "../progress.js";
import type { ResolvedSpec } from "../spec/spec.js";

/**
 * @param given a list of steps, or the name of a file of JSON that has it
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON
 */
export async function readPipeline(
  given: NonNullable<ResolvedSpec["layeringPipeline"]>,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Pipeline> {
  if (typeof given !== "string") return parsePipeline(given, "layeringPipeline");
  return parsePipeline(toJs(parseJson(await textOf(given, options), given)), `${given}: layeringPipeline`);
}

async function textOf(
  file: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<string> {
  try {
    return await readTextSoon(file, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_FILE_READ", `${file}, the layering pipeline, cannot be read`, {
      cause,
      details: { path: file },
    });
  }
}

/** How many layers overlay2, the storage driver of most engines, can mount. */
const MOST_LAYERS = 127;

/** @param onProgress is told what the pipeline did that was perhaps not meant */
export function layeringBy(
  pipeline: Pipeline,
  baseLayers: number,
  onProgress: OnProgress | undefined,
): Layering {
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
    for (const message of messages) onProgress?.({ type: "warning", message });
    return layers;
  };
}
