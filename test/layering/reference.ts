/**
 * nixpkgs' two ways of putting store paths into layers, written from their description alone and as plainly as can be:
 * sets of names, whole numbers, every step as it is told.
 */

export interface Node {
  readonly name: string;
  readonly narSize: number;
  readonly references: readonly string[];
  /** Takes part in planning and is in no layer. */
  readonly isVirtual?: boolean;
}

function reach(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    for (const next of edges.get(name) ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(start);
  return found;
}

function edgesOf(nodes: readonly Node[]): {
  uses: Map<string, Set<string>>;
  users: Map<string, Set<string>>;
} {
  const uses = new Map(
    nodes.map(({ name, references }) => [name, new Set(references.filter((to) => to !== name))]),
  );
  const users = new Map(nodes.map(({ name }) => [name, new Set<string>()]));
  for (const [name, targets] of uses) for (const target of targets) users.get(target)!.add(name);
  return { uses, users };
}

/** `auto-layer.py`, dockerTools' default since 2024. Nodes are in the order of their paths. */
export function referenceAuto(nodes: readonly Node[], available: number): string[][] {
  const { uses, users } = edgesOf(nodes);
  const sizes = new Map(nodes.map(({ name, narSize }) => [name, narSize]));
  const key = (set: ReadonlySet<string>): string => JSON.stringify([...set].sort());
  let own = new Map(nodes.map(({ name }) => [name, new Set<string>()]));
  const ascending = nodes.toSorted((one, other) => one.narSize - other.narSize).map(({ name }) => name);
  for (let p = ascending.pop(); p !== undefined; p = ascending.pop()) {
    const dependencies = reach(p, uses);
    const dependents = reach(p, users);
    dependencies.delete(p);
    dependents.delete(p);
    const next = new Map(own);
    next.set(p, new Set([p]));
    for (const d of dependencies) {
      const s = new Set([...next.get(d)!].filter((owner) => !dependents.has(owner)));
      if (![...s].some((owner) => dependencies.has(owner))) s.add(p);
      next.set(d, s);
    }
    if (new Set([...next.values()].map(key)).size > available) break;
    own = next;
  }

  const layers = new Map<string, string[]>();
  for (const { name } of nodes) {
    const id = key(own.get(name)!);
    layers.set(id, [...(layers.get(id) ?? []), name]);
  }
  const split = (path: string): [string, string] => {
    const dash = path.indexOf("-");
    return dash < 0 ? [path, ""] : [path.slice(dash + 1), path.slice(0, dash)];
  };
  const byName = (one: string, other: string): number => {
    const [[name, hash], [otherName, otherHash]] = [split(one), split(other)];
    if (name !== otherName) return name < otherName ? -1 : 1;
    return hash < otherHash ? -1 : hash > otherHash ? 1 : 0;
  };
  const virtual = new Set(nodes.filter(({ isVirtual }) => isVirtual).map(({ name }) => name));
  return (
    [...layers.values()]
      .map((layer) => {
        const closure = new Set(layer.flatMap((path) => [path, ...reach(path, uses)]));
        const size = [...closure].reduce((sum, path) => sum + sizes.get(path)!, 0);
        return { layer: layer.sort(byName), size };
      })
      // nixpkgs leaves open what comes first of two layers with closures of one size.
      .sort((one, other) => one.size - other.size || byName(one.layer[0]!, other.layer[0]!))
      .map(({ layer }) => layer.filter((path) => !virtual.has(path)))
      .filter((layer) => layer.length > 0)
  );
}

/** `popularity_contest`: how popular each node is. */
export function referencePopularities(nodes: readonly Node[]): Map<string, bigint> {
  const { uses, users } = edgesOf(nodes);
  const known = new Map<string, Map<string, bigint>>();
  const sumOver = (children: Iterable<string>): Map<string, bigint> => {
    const sums = new Map<string, bigint>();
    const add = (name: string, count: bigint): void => {
      sums.set(name, (sums.get(name) ?? 0n) + count);
    };
    for (const child of children) {
      add(child, 1n);
      for (const [name, count] of popularity(child)) add(name, count + 1n);
    }
    return sums;
  };
  const popularity = (name: string): Map<string, bigint> => {
    const result = known.get(name) ?? sumOver(uses.get(name)!);
    known.set(name, result);
    return result;
  };
  return sumOver(nodes.map(({ name }) => name).filter((name) => users.get(name)!.size === 0));
}

/** `popularity_contest`, then `limit_layers`: dockerTools' default until 2024. */
export function referencePopularity(nodes: readonly Node[], available: number): string[][] {
  const scores = referencePopularities(nodes);
  const label = (path: string): string => {
    const [first, ...rest] = path.split("-");
    return [...rest, first].join("-");
  };
  const ranked = nodes
    .map(({ name }) => name)
    .sort((one, other) => {
      const [a, b] = [scores.get(one)!, scores.get(other)!];
      if (a !== b) return a > b ? -1 : 1;
      return label(one) < label(other) ? -1 : 1;
    });
  const layers = ranked.slice(0, available - 1).map((path) => [path]);
  const rest = ranked.slice(available - 1);
  return rest.length > 0 ? [...layers, rest] : layers;
}
