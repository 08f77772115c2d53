/** How likely store paths are to change, as far as anything tells: the spec's hints, and previous images. */
import { LaminixError } from "../errors.js";
import type { Graph } from "../layering/graph.js";
import type { Weights } from "../layering/measure.js";
import { checked } from "../spec/invalid.js";
import { jsonOrFile } from "../spec/jsonOrFile.js";
import { type Volatility, volatilitySchema } from "../spec/plans.js";
import { packageName } from "../store/packageName.js";
import { baseName, type StorePath } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";
import type { LayeringSpec } from "../spec/spec.js";
import { readPlan } from "./previousImages.js";

/**
 * Reads the files and images that the spec names.
 * @returns how likely each node of a graph is to change
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `readPlan`
 */
export async function readWeights(
  spec: Pick<LayeringSpec, "name" | "architecture" | "variant" | "history" | "volatility">,
  options: OpeningOptions,
): Promise<(graph: Graph) => Weights> {
  const { signal, progress } = options;
  const volatility = await readVolatility(spec.volatility, { signal });
  const history: StorePath[][] = [];
  for (const given of spec.history) history.push((await readPlan(given, "history", spec, options)).flat());
  return (graph) => weightsFrom({ volatility, history }, graph, progress.warn);
}

async function readVolatility(
  given: LayeringSpec["volatility"],
  options: { readonly signal: AbortSignal | undefined },
): Promise<Volatility> {
  const key = "volatility";
  const where = typeof given === "string" ? given : key;
  return checked(volatilitySchema, await jsonOrFile(given, key, options), (at, message) => {
    const hint = 'a hint is {"match": "python3-*", "volatility": 5}';
    return new LaminixError("ERR_SPEC", `${where}${at && `: ${at}`}: ${message}`, { details: { key }, hint });
  });
}

/**
 * How many changes more each package is taken to have had, and to have been expected to have. The less, the sooner what
 * a history tells is believed. Chosen with updates within Debian 11 as the history of those within Debian 12.
 */
const PRIOR = 0.2;

export interface Evidence {
  readonly volatility: Volatility;
  /** Paths of previous images, the oldest first. */
  readonly history: readonly (readonly StorePath[])[];
}

/**
 * @param warn is told of hints that match nothing
 * @returns for each node, 1 in all
 * @throws {LaminixError} ERR_SPEC where no path can change
 */
export function weightsFrom(evidence: Evidence, graph: Graph, warn: (message: string) => void): Weights {
  const rates = ratesOf(evidence.history);
  const weights = Float64Array.from(graph.names, (name, node) =>
    node < graph.pathCount ? (rates.get(keyOf(name as StorePath)) ?? 1) : 0,
  );
  for (const { match, volatility } of evidence.volatility) {
    const matches = matcher(match);
    let count = 0;
    for (let node = 0; node < graph.pathCount; node++) {
      if (!matches(graph.names[node] as StorePath)) continue;
      weights[node] = volatility;
      count++;
    }
    if (count === 0) warn(`the hint ${JSON.stringify(match)} matches no store path of the image`);
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum > 0 || graph.pathCount === 0) return weights.map((weight) => weight / (sum || 1));
  throw new LaminixError("ERR_SPEC", "the hints say that no store path of the image ever changes", {
    hint: "give some of them a volatility above 0",
  });
}

/** The package's own name and output: what stays from one version to the next. */
export function keyOf(path: StorePath): string {
  const { name, output } = packageName(path);
  return `${name} ${output}`;
}

/** How often each package's own version changed from one image to the next, where the mean of all is 1. */
function ratesOf(history: readonly (readonly StorePath[])[]): Map<string, number> {
  const seen = new Map<string, { changes: number; chances: number }>();
  for (const [i, image] of history.entries()) {
    const before = versionsIn(history[i - 1] ?? []);
    for (const [key, versions] of versionsIn(image)) {
      const old = before.get(key);
      if (old === undefined) continue;
      const count = seen.get(key) ?? { changes: 0, chances: 0 };
      count.changes += old === versions ? 0 : 1;
      count.chances++;
      seen.set(key, count);
    }
  }
  const all = [...seen.values()];
  const chances = all.reduce((sum, each) => sum + each.chances, 0);
  const mean = all.reduce((sum, each) => sum + each.changes, 0) / Math.max(1, chances);
  if (mean === 0) return new Map();
  return new Map(
    [...seen].map(([key, each]) => [key, (each.changes + PRIOR) / (each.chances * mean + PRIOR)]),
  );
}

function versionsIn(paths: readonly StorePath[]): Map<string, string> {
  const versions = new Map<string, string[]>();
  for (const path of paths) {
    const key = keyOf(path);
    versions.set(key, [...(versions.get(key) ?? []), packageName(path).version]);
  }
  return new Map([...versions].map(([key, all]) => [key, all.sort().join()]));
}

function matcher(match: string): (path: StorePath) => boolean {
  const pattern = new RegExp(
    `^${match
      .split("*")
      .map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"))
      .join(".*")}$`,
  );
  return (path) =>
    [path, baseName(path), baseName(path).slice(33), packageName(path).name].some((name) =>
      pattern.test(name),
    );
}
