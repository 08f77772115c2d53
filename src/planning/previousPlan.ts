/** Plans of images that were there before: as `laminix layers --json` prints them, or as the images tell them. */
import { z } from "zod";
import { LaminixError, named } from "../errors.js";
import { parsePlainJson } from "../bytes/jsonBudget.js";
import { readTextSoon } from "../files/readText.js";
import type { Graph } from "../layering/graph.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import type { StorePath } from "../store/storePath.js";
import { storeDirOf } from "../store/storePath.js";
import type { LayeringOptions } from "./layering.js";
import { ofThatName } from "./ofThatName.js";
import { isImage, planOfImage, type PlannedImage } from "./previousImage.js";
import { keyOf } from "../spec/volatility.js";

const layersSchema = z.object({
  layers: z.array(z.object({ paths: z.array(z.string()).readonly() })).readonly(),
});
const severalSchema = z.object({
  images: z.array(z.object({ name: z.string(), ...layersSchema.shape })).readonly(),
});
/** Of an image, or of several that were planned together. */
export const planSchema = z.union([layersSchema, severalSchema]);

/**
 * Store paths, layer by layer.
 * @param given a plan, the name of a file of JSON that has it, or that of an image
 * @param key of the spec, for messages
 * @param planned the image that is planned
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `planOfImage`
 */
export async function readPlan(
  given: unknown,
  key: string,
  planned: PlannedImage,
  options: LayeringOptions,
): Promise<StorePath[][]> {
  if (typeof given === "string" && isImage(given)) return planOfImage(given, key, planned, options);
  const { signal } = options;
  const json = await jsonOf(given, key, { signal, form: "JSON, nor an image", hint: FORMS });
  const where = typeof given === "string" ? given : key;
  const several = severalSchema.safeParse(json).data?.images.map((value) => ({ names: [value.name], value }));
  const hint = 'an element of its "images" is a plan by itself';
  const one = several ? ofThatName(several, { name: planned.name, where, key, hint }) : json;
  const layers = layersSchema.safeParse(one).data?.layers.map(({ paths }) => [...paths] as StorePath[]);
  const wrong = layers?.flat().find((path) => storeDirOf(path) === undefined);
  if (layers && wrong === undefined) return layers;
  const what = wrong === undefined ? "it has no layers with paths" : `${wrong} is no store path`;
  throw new LaminixError("ERR_SPEC", `${where} is not a plan of layers: ${what}`, {
    details: { key },
    hint: "write one with: laminix layers … --json",
  });
}

const FORMS =
  "a plan is what laminix layers … --json prints; an image is a docker-archive, an OCI layout, or docker://REFERENCE";

interface JsonOptions {
  readonly signal?: AbortSignal | undefined;
  /** What it should be, for messages. */
  readonly form?: string | undefined;
  readonly hint?: string | undefined;
}

/**
 * What a spec has as JSON, or in a file of JSON that it names.
 * @throws {LaminixError} ERR_FILE_READ, ERR_JSON
 */
export async function jsonOf(
  given: unknown,
  key: string,
  { signal, form = "JSON", hint }: JsonOptions,
): Promise<unknown> {
  if (typeof given !== "string") return given;
  const about = { details: { path: given }, ...(hint !== undefined && { hint }) };
  let text: string;
  try {
    text = await readTextSoon(given, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LaminixError) throw cause;
    const message = `${named(given)}, named by ${key}, cannot be read`;
    throw new LaminixError("ERR_FILE_READ", message, { cause, ...about });
  }
  try {
    return parsePlainJson(text, given);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_JSON", `${named(given)}, named by ${key}, is not ${form}`, {
      cause,
      ...about,
    });
  }
}

/** Where the nodes of a graph were: by their paths, and those that are new by the packages that they are of. */
export function previousLayers(plan: readonly (readonly StorePath[])[], graph: Graph): PreviousLayer[] {
  const layerOfPath = new Map(plan.flatMap((layer, i) => layer.map((path) => [path as string, i] as const)));
  const layerOfPackage = new Map(
    plan.flatMap((layer, i) => layer.map((path) => [keyOf(path), i] as const)).toReversed(),
  );
  const nodes: number[][] = plan.map(() => []);
  const isIntact = plan.map(() => true);
  const found = new Set<string>();
  for (let node = 0; node < graph.pathCount; node++) {
    const path = graph.names[node] as StorePath;
    const same = layerOfPath.get(path);
    const layer = same ?? layerOfPackage.get(keyOf(path));
    if (same !== undefined) found.add(path);
    if (layer === undefined) continue;
    nodes[layer]?.push(node);
    if (same === undefined) isIntact[layer] = false;
  }
  return plan.flatMap((layer, i) => {
    const its = nodes[i] ?? [];
    const isWhole = isIntact[i] === true && layer.every((path) => found.has(path));
    return its.length === 0 ? [] : [{ nodes: its, isWhole }];
  });
}
