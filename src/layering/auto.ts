/**
 * The strategy that nixpkgs' dockerTools has today (`auto-layer.py`). Paths are taken from the largest down: each gets
 * a layer, and what only it needs goes with it. In the end a layer is a set of paths that the same large paths own.
 */
import { byNameInNixpkgs, type Graph, type LayerPlan, reachable, toPlan } from "./graph.js";

/** @param limit how many layers at the most, those of virtual nodes included; at least 1 */
export function auto(graph: Graph, limit: number): LayerPlan {
  const owners = new Owners(graph.names.length);
  const bySize = graph.narSizes
    .map((_, node) => node)
    .sort((one, other) => size(graph, one) - size(graph, other));
  for (let node = bySize.pop(); node !== undefined; node = bySize.pop()) {
    const dependencies = reachable([node], graph.references);
    const users = reachable([node], graph.referrers);
    if (!owners.claim(node, dependencies, users, limit)) break;
  }
  return toPlan(inOrder(owners.groups(), graph), graph);
}

function size(graph: Graph, node: number): number {
  return graph.narSizes[node] ?? 0;
}

/** Which of the nodes taken so far own each node. There are many nodes and few different sets, so sets are shared. */
class Owners {
  readonly #sets: number[][] = [[]];
  readonly #ids = new Map<string, number>([["", 0]]);
  /** For each node, the number of its set. */
  readonly #setOf: Uint32Array;
  /** For each set, how many nodes have it. */
  #uses: number[];

  constructor(nodes: number) {
    this.#setOf = new Uint32Array(nodes);
    this.#uses = [nodes];
  }

  /**
   * Gives a node a set of its own. What it depends on loses those owners that use the node; where then no owner is
   * left that the node depends on, the node becomes an owner.
   * @returns false, with nothing changed, where that would make more than `limit` different sets
   */
  claim(node: number, dependencies: Uint8Array, users: Uint8Array, limit: number): boolean {
    const changes: [node: number, set: number][] = [[node, this.#id([node])]];
    const successors = new Map<number, number>();
    for (const [other, depended] of dependencies.entries()) {
      if (!depended || other === node) continue;
      const old = this.#setOf[other] ?? 0;
      let next = successors.get(old);
      if (next === undefined) {
        const kept = (this.#sets[old] ?? []).filter((owner) => !users[owner]);
        const hasNearer = kept.some((owner) => dependencies[owner]);
        next = this.#id(hasNearer ? kept : [...kept, node].sort((one, two) => one - two));
        successors.set(old, next);
      }
      if (next !== old) changes.push([other, next]);
    }
    const uses = [...this.#uses];
    for (const [changed, set] of changes) {
      const old = this.#setOf[changed] ?? 0;
      uses[old] = (uses[old] ?? 0) - 1;
      uses[set] = (uses[set] ?? 0) + 1;
    }
    if (uses.filter((count) => count > 0).length > limit) return false;
    for (const [changed, set] of changes) this.#setOf[changed] = set;
    this.#uses = uses;
    return true;
  }

  /** Nodes that have the same owners. */
  groups(): number[][] {
    const groups = new Map<number, number[]>();
    for (const [node, set] of this.#setOf.entries()) {
      const group = groups.get(set);
      if (group) group.push(node);
      else groups.set(set, [node]);
    }
    return [...groups.values()];
  }

  #id(set: number[]): number {
    const key = set.join();
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#sets.push(set) - 1;
      this.#ids.set(key, id);
      this.#uses.push(0);
    }
    return id;
  }
}

/** Within a layer by name, then hash; layers by the size of their closure, the smallest at the bottom. */
function inOrder(groups: readonly number[][], graph: Graph): number[][] {
  const compareNames = byNameInNixpkgs(graph);
  return groups
    .map((group) => {
      const layer = group.toSorted(compareNames);
      const closure = reachable(layer, graph.references);
      for (const node of layer) closure[node] = 1;
      let closureSize = 0;
      for (const [node, inside] of closure.entries()) if (inside) closureSize += size(graph, node);
      return { layer, closureSize };
    })
    .sort(
      (one, other) =>
        one.closureSize - other.closureSize || compareNames(one.layer[0] ?? 0, other.layer[0] ?? 0),
    )
    .map(({ layer }) => layer);
}
