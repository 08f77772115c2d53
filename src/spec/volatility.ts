/** How likely store paths are to change, as far as anything tells: hints, and images that were there before. */
import { z } from "zod";
import { LaminixError } from "../errors.js";
import type { Graph } from "../layering/graph.js";
import type { Weights } from "../layering/measure.js";
import { baseName, type StorePath } from "../store/storePath.js";
import { packageName } from "../store/packageName.js";

export const volatilitySchema = z.array(
  z.strictObject({
    match: z
      .string()
      .min(1)
      .describe("A path, the name of one with or without its version, or a pattern with *."),
    volatility: z.number().min(0).max(1000).describe("How often it changes, where others do once."),
  }),
);
export type Hints = z.output<typeof volatilitySchema>;

/**
 * How many changes more each package is taken to have had, and to have been expected to have. The less, the sooner what
 * a history tells is believed. Chosen with updates within Debian 11 as the history of those within Debian 12.
 */
const PRIOR = 0.2;

export interface Evidence {
  readonly hints: Hints;
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
  for (const { match, volatility } of evidence.hints) {
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
  throw new LaminixError("ERR_SPEC", "by the hints, no store path of the image ever changes", {
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
