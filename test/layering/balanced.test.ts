import { describe, expect, test } from "vitest";
import { auto } from "../../dist/layering/auto.js";
import { balanced } from "../../dist/layering/balanced/balanced.js";
import type { Graph, LayerPlan } from "../../dist/layering/graph.js";
import { measure } from "../../dist/layering/measure.js";
import { popularity } from "../../dist/layering/popularity.js";
import { Random } from "../support/random.js";
import { leastMoved } from "./exhaustive.js";
import { graphFrom, randomNodes } from "./graphs.js";
import type { Node } from "./reference.js";

const chain = (length: number, narSize = (i: number): number => i): Node[] => {
  const names = Array.from({ length }, (_, i) => `/nix/store/h-${String(i).padStart(6, "0")}`);
  return names.map((name, i) => ({ name, narSize: narSize(i), references: names.slice(i + 1, i + 2) }));
};

/** What the measure says it is, change by change. */
function movedByHand(graph: Graph, plan: LayerPlan): { moved: number; ideal: number } {
  const size = (paths: readonly string[]): number =>
    paths.reduce((sum, path) => sum + graph.narSizes[graph.names.indexOf(path)]!, 0);
  let [moved, ideal] = [0, 0];
  for (let node = 0; node < graph.pathCount; node++) {
    const changed = new Set([node]);
    for (const each of changed) for (const referrer of graph.referrers[each]!) changed.add(referrer);
    const paths = [...changed].filter((each) => each < graph.pathCount).map((each) => graph.names[each]!);
    ideal += size(paths);
    for (const layer of plan) if (layer.some((path) => paths.includes(path))) moved += size(layer);
  }
  return { moved: moved / graph.pathCount, ideal: ideal / graph.pathCount };
}

describe("the measure of a plan", () => {
  test("is the mean, over the paths that may change, of the bytes of the layers that are touched", () => {
    const random = new Random(31);
    for (let round = 0; round < 100; round++) {
      const graph = graphFrom(randomNodes(random, 1 + random.below(40), random.below(3)));
      const plan = random.pick([auto, popularity])(graph, 1 + random.below(12));
      const { moved, ideal, efficiency } = measure(graph, plan);
      const expected = movedByHand(graph, plan);
      expect(moved).toBeCloseTo(expected.moved, 3);
      expect(ideal).toBeCloseTo(expected.ideal, 3);
      expect(efficiency).toBeCloseTo(expected.moved === 0 ? 1 : expected.ideal / expected.moved, 9);
    }
  });

  test("is 1 where each path has a layer, and where nothing weighs anything", () => {
    const graph = graphFrom(randomNodes(new Random(32), 30));
    expect(measure(graph, graph.names.map((name) => [name]) as unknown as LayerPlan).efficiency).toBeCloseTo(
      1,
      9,
    );
    const empty = graphFrom(chain(4, () => 0));
    expect(measure(empty, balanced(empty, 2)).efficiency).toBe(1);
    expect(measure(graphFrom([]), [])).toEqual({ moved: 0, ideal: 0, efficiency: 1 });
  });

  test("weighs each change by how likely it is", () => {
    const graph = graphFrom(chain(2, (i) => [100, 10][i]!));
    const apart = [["/nix/store/h-000000"], ["/nix/store/h-000001"]] as unknown as LayerPlan;
    // The first refers to the second: a change of the first moves 100 bytes, one of the second all 110.
    expect(measure(graph, apart, Float64Array.of(0.75, 0.25)).moved).toBeCloseTo(0.75 * 100 + 0.25 * 110, 9);
    const together = [apart.flat()];
    expect(measure(graph, together, Float64Array.of(0.75, 0.25))).toEqual({
      moved: 110,
      ideal: 102.5,
      efficiency: 102.5 / 110,
    });
  });
});

describe("the strategy balanced", () => {
  test("finds plans of few paths that are as good as the best there are, or nearly so", () => {
    const random = new Random(33);
    const excess: number[] = [];
    for (let round = 0; round < 500; round++) {
      const graph = graphFrom(smallGraph(random));
      const limit = 1 + random.below(graph.names.length);
      const least = leastMoved(graph, limit);
      const { moved } = measure(graph, balanced(graph, limit));
      expect(moved).toBeGreaterThanOrEqual(least * (1 - 1e-9));
      excess.push(least === 0 ? 0 : moved / least - 1);
    }
    expect(excess.reduce((sum, each) => sum + each, 0) / excess.length).toBeLessThan(0.005);
    expect(Math.max(...excess)).toBeLessThan(0.02);
  });

  test("moves no more than auto and popularity", () => {
    const random = new Random(34);
    for (let round = 0; round < 80; round++) {
      const graph = graphFrom(randomNodes(random, 1 + random.below(150)));
      const limit = 1 + random.below(40);
      const { moved } = measure(graph, balanced(graph, limit));
      for (const other of [auto, popularity])
        expect(moved).toBeLessThanOrEqual(measure(graph, other(graph, limit)).moved * (1 + 1e-9));
    }
  });

  test.each(["/nix/store", "/srv/my-nix/store"])(
    "makes the same plan each time, whatever the hashes of the paths, in a store at %s",
    (dir) => {
      const random = new Random(35);
      const nodes = distinct(randomNodes(random, 200));
      const renamed = new Map(
        nodes.map(({ name }) => [name, name.replace(/^.*\/[^-]*/, () => `${dir}/${hash(random)}`)]),
      );
      const others = nodes
        .map((node) => ({
          ...node,
          name: renamed.get(node.name)!,
          references: node.references.map((each) => renamed.get(each)!),
        }))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
      const names = (plan: LayerPlan): string[][] =>
        plan.map((layer) => layer.map((path) => path.replace(/^.*\/[^-]*-/, "")));
      for (const limit of [1, 5, 30]) {
        const plan = balanced(graphFrom(nodes), limit);
        expect(balanced(graphFrom(nodes), limit)).toEqual(plan);
        expect(names(balanced(graphFrom(others), limit))).toEqual(names(plan));
      }
    },
  );

  test("has the layers at the bottom that are touched the least", () => {
    const graph = graphFrom(distinct(randomNodes(new Random(36), 120)));
    const touched = balanced(graph, 20).map((layer) => {
      const nodes = layer.map((path) => graph.names.indexOf(path));
      const closure = new Set(nodes);
      for (const each of closure) for (const target of graph.references[each]!) closure.add(target);
      return closure.size;
    });
    expect(touched).toEqual(touched.toSorted((one, other) => one - other));
  });

  test("has one layer for a budget of one, and a layer for each path where the budget allows", () => {
    const graph = graphFrom(distinct(randomNodes(new Random(37), 40)));
    expect(balanced(graph, 1)).toHaveLength(1);
    expect(balanced(graph, 40)).toHaveLength(40);
    expect(balanced(graph, 1000)).toHaveLength(40);
  });

  test("refuses a graph with a circle", () => {
    const [one, other] = chain(2);
    const circle = [one!, { ...other!, references: [one!.name] }];
    expect(() => balanced(graphFrom(circle), 1)).toThrow(expect.objectContaining({ code: "ERR_GRAPH" }));
  });

  test.each([
    ["that refer to one another in a row", chain(20_000)],
    ["that refer to nothing", chain(20_000).map((node) => ({ ...node, references: [] }))],
  ])("plans 20,000 paths %s", (_, nodes) => {
    const layers = balanced(graphFrom(nodes), 60);
    expect(layers).toHaveLength(60);
    expect(new Set(layers.flat()).size).toBe(20_000);
  });
});

const hash = (random: Random): string =>
  Array.from({ length: 32 }, () => "0123456789abcdfghijklmnpqrsvwxyz".charAt(random.below(32))).join("");

/** The same nodes with names and sizes that are all different. */
function distinct(nodes: readonly Node[]): Node[] {
  const names = new Map(nodes.map(({ name }, i) => [name, `${name}-${i}`]));
  return nodes.map((node, i) => ({
    ...node,
    name: names.get(node.name)!,
    narSize: 1000 + ((i * 7919) % 10_007),
    references: node.references.map((each) => names.get(each)!),
  }));
}

/** At most 9 paths; sizes of one order, or of many. */
function smallGraph(random: Random): Node[] {
  const density = random.pick([0.15, 0.3, 0.6]);
  const isSteep = random.chance(0.5);
  const names = Array.from({ length: 3 + random.below(7) }, (_, i) => `/nix/store/h-${i}`);
  return names.map((name, i) => ({
    name,
    narSize: isSteep ? Math.round(Math.exp(random.next() * 12)) : 1 + random.below(1000),
    references: names.slice(0, i).filter(() => random.chance(density)),
  }));
}
