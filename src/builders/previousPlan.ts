/** Plans of images that were there before, as `laminix layers --json` prints them. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { LaminixError } from "../errors.js";
import type { Graph } from "../layering/graph.js";
import type { PreviousLayer } from "../layering/balanced/previous.js";
import type { StorePath } from "../store/storePath.js";
import { storeDirOf } from "../store/storePath.js";
import { keyOf } from "./volatility.js";

export const planSchema = z.object({
  layers: z.array(z.object({ paths: z.array(z.string()).readonly() })).readonly(),
});

/**
 * Store paths, layer by layer.
 * @param given a plan, or the name of a file of JSON that has it
 * @param key of the spec, for messages
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON
 */
export async function readPlan(
  given: unknown,
  key: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<StorePath[][]> {
  const where = typeof given === "string" ? given : key;
  const result = planSchema.safeParse(await jsonOf(given, key, options));
  const layers = result.data?.layers.map(({ paths }) => [...paths] as StorePath[]);
  const wrong = layers?.flat().find((path) => storeDirOf(path) === undefined);
  if (layers && wrong === undefined) return layers;
  const what = wrong === undefined ? "it has no layers with paths" : `${wrong} is no store path`;
  throw new LaminixError("ERR_SPEC", `${where} is not a plan of layers: ${what}`, {
    details: { key },
    hint: "write one with: laminix layers … --json",
  });
}

/**
 * What a spec has as JSON, or in a file of JSON that it names.
 * @throws {LaminixError} ERR_FILE_READ, ERR_JSON
 */
export async function jsonOf(
  given: unknown,
  key: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<unknown> {
  if (typeof given !== "string") return given;
  let text: string;
  try {
    text = await readFile(given, { encoding: "utf8", signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new LaminixError("ERR_FILE_READ", `${given}, named by ${key}, cannot be read`, {
      cause,
      details: { path: given },
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LaminixError("ERR_JSON", `${given}, named by ${key}, is not JSON`, {
      cause,
      details: { path: given },
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
