/** The `layeringPipeline` of a spec: written in it, or in a file of its own. */
import { readFile } from "node:fs/promises";
import { LaminixError } from "../errors.js";
import { parseJson, toJs } from "../image/json.js";
import { parsePipeline } from "../layering/pipeline/parse.js";
import type { Pipeline } from "../layering/pipeline/step.js";
import type { ResolvedSpec } from "./spec.js";

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
    return await readFile(file, { encoding: "utf8", signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new LaminixError("ERR_FILE_READ", `${file}, the layering pipeline, cannot be read`, {
      cause,
      details: { path: file },
    });
  }
}
