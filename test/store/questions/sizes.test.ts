import { describe, expect, test } from "vitest";
import { Random } from "../../support/random.js";
import { chainOf, closureOf, type GraphNode, randomGraph, reachable, sizeOf } from "./graphs.js";

describe("closure sizes", () => {
  test("are the bytes of all that each path leads to, in random graphs", async () => {
    const random = new Random(1);
    for (let round = 0; round < 60; round++) {
      const nodes = randomGraph(random, 1 + random.below(80));
      const closure = await closureOf(nodes);
      const expected = closure.paths.map((path) => sizeOf(nodes, reachable(nodes, [path])));
      expect(closure.closureSizes).toEqual(expected);
      for (const [row, path] of closure.paths.entries())
        expect(closure.closureSize(path)).toBe(expected[row]);
    }
  });

  test("are right across the blocks in which they are found", async () => {
    const random = new Random(2);
    for (const name of ["one", "two"]) {
      const nodes = randomGraph(random, 5000, { name: (i) => `${name}-${String(i)}` });
      const closure = await closureOf(nodes);
      for (let probe = 0; probe < 100; probe++) {
        const path = random.pick(closure.paths);
        expect(closure.closureSize(path)).toBe(sizeOf(nodes, reachable(nodes, [path])));
      }
      const top = closure.paths.at(-1)!;
      expect(closure.closureSize(top)).toBe(sizeOf(nodes, reachable(nodes, [top])));
    }
  });

  test("of one path that references thousands is their sum and its own", async () => {
    const leaves = chainOf(6000).map((node) => ({ ...node, references: [] }));
    const top = { ...chainOf(6001)[6000]!, references: leaves.map(({ path }) => path) };
    const closure = await closureOf([...leaves, top]);
    expect(closure.closureSize(top.path)).toBe(12_002);
    expect(closure.addedSize(top.path)).toBe(12_002);
  });

  test("of a chain of 100,000 paths are found", async () => {
    const closure = await closureOf(chainOf(100_000));
    expect(closure.closureSizes).toEqual(Array.from({ length: 100_000 }, (_, i) => 2 * (i + 1)));
    expect(closure.addedSizes).toEqual(closure.closureSizes);
  });
});

describe("added sizes", () => {
  test("are the bytes that the roots no longer lead to without a path, in random graphs", async () => {
    const random = new Random(3);
    for (let round = 0; round < 60; round++) {
      const nodes = randomGraph(random, 1 + random.below(80));
      const closure = await closureOf(nodes);
      const referenced = new Set(
        nodes.flatMap(({ path, references }) => references.filter((each) => each !== path)),
      );
      const roots = nodes.map(({ path }) => path).filter((path) => !referenced.has(path));
      const expected = closure.paths.map(
        (path) => closure.narSize - sizeOf(nodes, reachable(nodes, roots, path)),
      );
      expect(closure.addedSizes).toEqual(expected);
      for (const [row, path] of closure.paths.entries()) expect(closure.addedSize(path)).toBe(expected[row]);
    }
  });

  test("of several roots count what only one of them brings", async () => {
    const [shared, mine, one, two] = chainOf(4) as [GraphNode, GraphNode, GraphNode, GraphNode];
    const closure = await closureOf([
      shared,
      { ...mine, references: [] },
      { ...one, references: [shared.path, mine.path] },
      { ...two, references: [shared.path] },
    ]);
    expect(closure.addedSize(one.path)).toBe(4);
    expect(closure.addedSize(two.path)).toBe(2);
    expect(closure.addedSize(shared.path)).toBe(2);
  });
});

test("an empty closure has no sizes", async () => {
  const closure = await closureOf([]);
  expect([closure.closureSizes, closure.addedSizes, closure.duplicates()]).toEqual([[], [], []]);
});
