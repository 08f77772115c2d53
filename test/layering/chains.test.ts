import { expect, test } from "vitest";
import { balanced } from "../../dist/layering/balanced/balanced.js";
import type { PreviousLayer } from "../../dist/layering/balanced/previous.js";
import type { Graph, LayerPlan } from "../../dist/layering/graph.js";
import { measure } from "../../dist/layering/measure.js";
import { Random } from "../support/random.js";
import { graphFrom } from "./graphs.js";
import type { Node } from "./reference.js";

/** Paths that each have a name of their own. */
function packages(
  random: Random,
  count: number,
  size = (): number => Math.round(Math.exp(random.next() * 12)),
): Node[] {
  const names = Array.from({ length: count }, (_, i) => `/nix/store/h0-package${String(i)}`);
  return names.map((name, i) => ({
    name,
    narSize: size(),
    references: names.slice(0, i).filter(() => random.chance(3 / count)),
  }));
}

/** One path and all that refers to it, with other hashes. */
function changed(nodes: readonly Node[], start: string, version: number): Node[] {
  const names = new Map<string, string>();
  for (const { name, references } of nodes) {
    if (name === start || references.some((reference) => names.has(reference)))
      names.set(name, `/nix/store/h${String(version)}-${packageOf(name)}`);
  }
  const now = (name: string): string => names.get(name) ?? name;
  return nodes.map((node) => ({ ...node, name: now(node.name), references: node.references.map(now) }));
}

const packageOf = (path: string): string => path.slice(path.indexOf("-") + 1);
const keyOf = (layer: readonly string[]): string => layer.toSorted().join();

function previousOf(plan: LayerPlan, { names }: Graph): PreviousLayer[] {
  const nodeOf = new Map(names.map((name, node) => [packageOf(name), node]));
  return plan.map((layer) => ({
    nodes: layer.map((path) => nodeOf.get(packageOf(path))!),
    isWhole: layer.every((path) => names.includes(path)),
  }));
}

/** Bytes of the layers that another plan does not have. */
function newBytes(plan: LayerPlan, before: LayerPlan, { names, narSizes }: Graph): number {
  const old = new Set(before.map(keyOf));
  const paths = plan.filter((layer) => !old.has(keyOf(layer))).flat();
  return paths.reduce((sum, path) => sum + narSizes[names.indexOf(path)]!, 0);
}

test("the first plan of a chain moves less than one that is made anew each time", () => {
  const random = new Random(51);
  for (let round = 0; round < 5; round++) {
    const graph = graphFrom(packages(random, 120));
    const first = measure(graph, balanced(graph, 15, { previous: [] })).moved;
    expect(first).toBeLessThan(measure(graph, balanced(graph, 15)).moved);
  }
});

test("a chain of changes keeps all layers that none of them touches, and stays as good", () => {
  const random = new Random(52);
  let nodes = packages(random, 120);
  let graph = graphFrom(nodes);
  let plan = balanced(graph, 15, { previous: [] });
  const { efficiency } = measure(graph, plan);
  for (let version = 1; version <= 10; version++) {
    nodes = changed(nodes, random.pick(nodes).name, version);
    graph = graphFrom(nodes);
    const before = plan;
    plan = balanced(graph, 15, { previous: previousOf(before, graph) });
    const present = new Set(plan.map(keyOf));
    for (const layer of before)
      if (layer.every((path) => graph.names.includes(path))) expect(present).toContain(keyOf(layer));
  }
  expect(measure(graph, plan).efficiency).toBeGreaterThanOrEqual(efficiency * 0.999);
});

test("layers change only where that saves their bytes within the horizon", () => {
  const random = new Random(53);
  for (let round = 0; round < 5; round++) {
    const graph = graphFrom(packages(random, 120));
    const before = balanced(graph, 15);
    const previous = previousOf(before, graph);
    const old = measure(graph, before).moved;
    const plans = [0, 5, 20, 1000].map((horizon) => ({
      horizon,
      plan: balanced(graph, 15, { previous, horizon }),
    }));
    for (const { horizon, plan } of plans) {
      const saved = (old - measure(graph, plan).moved) * horizon;
      expect(saved).toBeGreaterThanOrEqual(newBytes(plan, before, graph));
    }
    expect(newBytes(plans[0]!.plan, before, graph)).toBe(0);
    expect(measure(graph, plans[3]!.plan).moved).toBeLessThan(old);
  }
});

function shuffled(nodes: readonly Node[], random: Random): Node[] {
  return nodes
    .map((node) => ({ node, key: random.next() }))
    .toSorted((one, other) => one.key - other.key)
    .map(({ node }) => node);
}

test("the same layers are made whatever the order of the input, where many mergers cost the same", () => {
  for (const seed of [6, 7, 8, 11, 15]) {
    const random = new Random(seed);
    const nodes = packages(random, 150, () => 2 ** random.below(12) * 1000);
    const plan = balanced(graphFrom(nodes), 20);
    expect(balanced(graphFrom(shuffled(nodes, random)), 20)).toEqual(plan);
  }
});

test("the same layers are made whatever the order of the input, after a previous plan too", () => {
  const random = new Random(54);
  const nodes = packages(random, 120);
  const graph = graphFrom(nodes);
  const other = graphFrom(shuffled(nodes, random));
  const before = balanced(graph, 15);
  expect(balanced(other, 15, { previous: [] })).toEqual(balanced(graph, 15, { previous: [] }));
  expect(balanced(other, 15, { previous: previousOf(before, other), horizon: 200 })).toEqual(
    balanced(graph, 15, { previous: previousOf(before, graph), horizon: 200 }),
  );
});
