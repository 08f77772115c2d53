/** Closures of graphs that tests make up, and answers found the slow way. */
import { type Closure, GraphStore } from "../../../dist/index.js";
import type { Random } from "../../support/random.js";

export const STORE_DIR = "/nix/store";

export interface GraphNode {
  readonly path: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

const DIGITS = "0123456789abcdfghijklmnpqrsvwxyz";

/** The path of a node by number; higher numbers are not later in the order of paths. */
export function pathOf(number: number, name = `node-${String(number)}`): string {
  const hash = Array.from({ length: 32 }, (_, i) =>
    DIGITS.charAt((number * (2 * i + 7) + (number >> 5)) % 32),
  );
  return `${STORE_DIR}/${hash.join("")}-${name}`;
}

export interface RandomGraphOptions {
  readonly name?: (number: number) => string;
  /** How many references a node has, in the middle. */
  readonly density?: number;
}

/** References go from higher to lower numbers, and now and then from a node to itself. */
export function randomGraph(
  random: Random,
  count: number,
  { name, density = random.pick([0.5, 1, 2, 5]) }: RandomGraphOptions = {},
): GraphNode[] {
  const reach = random.pick([3, 20, count]);
  const paths = Array.from({ length: count }, (_, i) => pathOf(i, name?.(i)));
  return paths.map((path, i) => {
    const references = new Set<string>(random.chance(0.2) ? [path] : []);
    for (let n = random.below(2 * density + 1); n > 0 && i > 0; n--)
      references.add(paths[i - 1 - random.below(Math.min(i, reach))]!);
    return { path, narSize: random.pick([0, 1, 7, 1000, random.below(1e9)]), references: [...references] };
  });
}

/** The closure of all nodes. */
export function closureOf(nodes: readonly GraphNode[]): Promise<Closure> {
  const store = GraphStore.parse(JSON.stringify(nodes), "test graph");
  return store.closure(nodes.map(({ path }) => path));
}

/** What the starts lead to, themselves included, without ever passing through one path. */
export function reachable(
  nodes: readonly GraphNode[],
  starts: readonly string[],
  without?: string,
): Set<string> {
  const references = new Map(nodes.map((node) => [node.path, node.references]));
  const seen = new Set<string>();
  const todo = starts.filter((path) => path !== without);
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const reference of references.get(path) ?? []) if (reference !== without) todo.push(reference);
  }
  return seen;
}

export function sizeOf(nodes: readonly GraphNode[], paths: ReadonlySet<string>): number {
  return nodes.reduce((sum, { path, narSize }) => sum + (paths.has(path) ? narSize : 0), 0);
}

/** A chain in which each node references the one before. */
export function chainOf(count: number): GraphNode[] {
  const path = (i: number): string => `${STORE_DIR}/${String(i).padStart(32, "0")}-x`;
  return Array.from({ length: count }, (_, i) => {
    return { path: path(i), narSize: 2, references: i > 0 ? [path(i - 1)] : [] };
  });
}
