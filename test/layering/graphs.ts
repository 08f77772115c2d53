import type { Graph } from "../../dist/layering/graph.js";
import type { Random } from "../support/random.js";
import type { Node } from "./reference.js";

/** The graph of these nodes in the order that they have; virtual ones come last, as in every graph. */
export function graphFrom(nodes: readonly Node[]): Graph {
  const rows = new Map(nodes.map(({ name }, row) => [name, row]));
  const references = nodes.map(({ name, references: targets }) =>
    targets.filter((target) => target !== name).map((target) => rows.get(target)!),
  );
  const referrers: number[][] = nodes.map(() => []);
  for (const [row, targets] of references.entries())
    for (const target of targets) referrers[target]!.push(row);
  return {
    names: nodes.map(({ name }) => name),
    narSizes: nodes.map(({ narSize }) => narSize),
    references,
    referrers,
    pathCount: nodes.filter(({ isVirtual }) => !isVirtual).length,
  };
}

const BASE32 = "0123456789abcdfghijklmnpqrsvwxyz";

/** A graph without circles, in the order of its paths; some nodes refer to themselves, many have the same size or name. */
export function randomNodes(random: Random, count: number, virtual = 0): Node[] {
  const edges = random.pick([0.5, 1.5, 4]);
  const names = Array.from({ length: count }, () => {
    const hash = Array.from({ length: 32 }, () => BASE32.charAt(random.below(32))).join("");
    return `/nix/store/${hash}-${random.pick(["a", "b", "lib-x", "lib", "x-1.0", "Z"])}`;
  });
  const sizes = random.chance(0.3) ? [1, 2, 3] : Array.from({ length: 50 }, () => random.below(1_000_000));
  const nodes = names.map((name, i): Node => {
    const references = new Set<string>(random.chance(0.3) ? [name] : []);
    for (let n = random.below(edges * 2 + 1); n > 0 && i > 0; n--) references.add(names[random.below(i)]!);
    return { name, narSize: random.pick(sizes), references: [...references] };
  });
  const tops = Array.from({ length: virtual }, (_, i): Node => {
    const references = names.filter(() => random.chance(2 / count));
    return { name: `virtual${i}`, narSize: random.pick(sizes), references, isVirtual: true };
  });
  return [...nodes.toSorted((one, other) => (one.name < other.name ? -1 : 1)), ...tops];
}
