import type { Graph } from "../graph.js";
import { induced, named, startsAndReachable } from "./subgraph.js";

export interface SplitPaths {
  readonly paths: ReadonlySet<string>;
  /** Those whose direct references are to be split off. */
  readonly parents: ReadonlySet<string>;
}

/**
 * Paths with all that only they need (`main`), what both they and others need (`common`), and what is left (`rest`).
 * An edge that leads to one of the paths is in none of these.
 */
export function splitPaths(graph: Graph, { paths, parents }: SplitPaths): Map<string, Graph> {
  const children = named(graph, parents).flatMap((node) => graph.references[node] ?? []);
  const split = new Set([...named(graph, paths), ...children]);
  if (split.size === 0) return new Map([["rest", graph]]);
  const roots = graph.referrers.flatMap((referrers, node) => (referrers.length === 0 ? [node] : []));
  if (roots.length === 1 && roots.every((root) => split.has(root))) return new Map([["main", graph]]);

  const below = startsAndReachable([...split], graph.references);
  const cut: Graph = {
    ...graph,
    references: graph.references.map((targets) => targets.filter((target) => !split.has(target))),
    referrers: graph.referrers.map((referrers, node) => (split.has(node) ? [] : referrers)),
  };
  const others = startsAndReachable(
    roots.filter((root) => !split.has(root)),
    cut.references,
  );
  const parts = {
    main: induced(cut, (node) => below[node] === 1 && others[node] === 0),
    common: induced(cut, (node) => below[node] === 1 && others[node] === 1),
    rest: induced(cut, (node) => below[node] === 0 && others[node] === 1),
  };
  return new Map(Object.entries(parts).filter(([, part]) => part.names.length > 0));
}
