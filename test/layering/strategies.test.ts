import { describe, expect, test } from "vitest";
import { auto } from "../../dist/layering/auto.js";
import { balanced } from "../../dist/layering/balanced/balanced.js";
import { layerBudget } from "../../dist/layering/plan.js";
import { popularity } from "../../dist/layering/popularity.js";
import { Random } from "../support/random.js";
import { graphFrom, randomNodes } from "./graphs.js";
import { type Node, referenceAuto, referencePopularities, referencePopularity } from "./reference.js";

const path = (name: string): string => `/nix/store/${name}`;
const label = (layer: readonly string[]): string =>
  layer.map((each) => each.replace(/^\/nix\/store\/.-/, "")).join(" ");

/** An application with two libraries, one of them big, and a virtual node on top. */
const application: readonly Node[] = [
  { name: path("a-app"), narSize: 10, references: ["b-lib", "g-glibc", "s-small"].map(path) },
  { name: path("b-lib"), narSize: 50, references: ["g-glibc", "t-tiny"].map(path) },
  { name: path("c-big"), narSize: 100, references: ["g-glibc", "t-tiny"].map(path) },
  { name: path("g-glibc"), narSize: 30, references: [path("g-glibc")] },
  { name: path("s-small"), narSize: 2, references: [] },
  { name: path("t-tiny"), narSize: 1, references: [] },
  { name: path("r-root"), narSize: 1, references: ["a-app", "b-lib", "c-big"].map(path), isVirtual: true },
];

describe("the strategy auto", () => {
  const expected: Readonly<Record<number, readonly string[]>> = {
    1: ["app big glibc lib small tiny"],
    2: ["big glibc tiny", "app lib small"],
    3: ["big glibc tiny", "app lib small"],
    4: ["glibc tiny", "lib", "big", "app small"],
    5: ["tiny", "glibc", "lib", "big", "app small"],
    6: ["tiny", "glibc", "lib", "app small", "big"],
    7: ["tiny", "small", "glibc", "lib", "app", "big"],
    99: ["tiny", "small", "glibc", "lib", "app", "big"],
  };
  for (const [limit, layers] of Object.entries(expected)) {
    test(`puts the application into the layers that nixpkgs puts it into, ${limit} at the most`, () => {
      expect(auto(graphFrom(application), Number(limit)).map(label)).toEqual(layers);
      expect(referenceAuto(application, Number(limit)).map(label)).toEqual(layers);
    });
  }

  test("makes the layers of its description for random graphs", () => {
    const random = new Random(15);
    for (let round = 0; round < 400; round++) {
      const nodes = randomNodes(random, 1 + random.below(40), random.below(3));
      const limit = 1 + random.below(random.pick([3, 12, 60]));
      expect([round, auto(graphFrom(nodes), limit)]).toEqual([round, referenceAuto(nodes, limit)]);
    }
  });
});

describe("the strategy popularity", () => {
  const chain = (edges: Readonly<Record<string, string>>): Node[] => {
    const names = new Set(Object.entries(edges).flatMap(([from, to]) => [from, ...to.split(" ")]));
    names.delete("");
    return [...names].sort().map((name) => ({ name, narSize: 1, references: edges[name]?.split(" ") ?? [] }));
  };
  const upstream = chain({ Root1: "A", A: "B D", D: "E", B: "D F", Root2: "B", Root3: "C", X: "" }).map(
    (node) => (node.references[0] === "" ? { ...node, references: [] } : node),
  );

  test("ranks the graph of nixpkgs' own test as nixpkgs does", () => {
    const ranked = popularity(graphFrom(upstream), 100).map((layer) => layer.join());
    expect(ranked.join(" ")).toBe("E D F B A C Root1 Root2 Root3 X");
    expect(ranked.map((name) => referencePopularities(upstream).get(name))).toEqual(
      [11, 8, 7, 5, 2, 2, 1, 1, 1, 1].map(BigInt),
    );
  });

  test.each([
    [{ A: "B G", B: "C E", C: "D E", D: "F", E: "F" }, "F9 E5 D4 C3 B2 G2 A1"],
    [{ foo: "bar baz", bar: "baz", baz: "tux" }, "tux6 baz4 bar2 foo1"],
  ])("ranks %j as %s", (edges, expected) => {
    const nodes = chain(edges);
    const scores = referencePopularities(nodes);
    const ranked = popularity(graphFrom(nodes), 100).map(([name = ""]) => `${name}${scores.get(name) ?? 0n}`);
    expect(ranked.join(" ")).toBe(expected);
  });

  test("gives the most popular a layer each, and the rest the last one together", () => {
    expect(popularity(graphFrom(upstream), 3)).toEqual([
      ["E"],
      ["D"],
      ["F", "B", "A", "C", "Root1", "Root2", "Root3", "X"],
    ]);
    expect(popularity(graphFrom(upstream), 1)).toHaveLength(1);
    expect(popularity(graphFrom(upstream), 10)).toHaveLength(10);
  });

  test("makes the layers of its description for random graphs", () => {
    const random = new Random(16);
    for (let round = 0; round < 400; round++) {
      const nodes = randomNodes(random, 1 + random.below(60));
      const limit = 1 + random.below(80);
      expect([round, popularity(graphFrom(nodes), limit)]).toEqual([
        round,
        referencePopularity(nodes, limit),
      ]);
    }
  });

  test.each([60, 1200, 2200])(
    "is exact where %i diamonds on top of one another make more ways than doubles tell apart",
    (depth) => {
      // Each doubles the number of ways; scores that differ by one must not be taken for equal.
      const nodes: Node[] = [];
      for (let i = 0; i < depth; i++) {
        const id = (part: string): string => `/nix/store/${part}-${String(9999 - i)}`;
        const below =
          i + 1 < depth ? [`/nix/store/t-${String(9999 - i - 1)}`] : ["/nix/store/e-z", "/nix/store/e-a"];
        nodes.push(
          { name: id("t"), narSize: 1, references: [id("l"), id("r")] },
          { name: id("l"), narSize: 1, references: i === depth / 2 ? [...below, "/nix/store/e-a"] : below },
          { name: id("r"), narSize: 1, references: below },
        );
      }
      nodes.push(
        { name: "/nix/store/e-a", narSize: 1, references: [] },
        { name: "/nix/store/e-z", narSize: 1, references: [] },
      );
      nodes.push({ name: "/nix/store/u-one", narSize: 1, references: ["/nix/store/e-z"] });
      nodes.sort((one, other) => (one.name < other.name ? -1 : 1));
      expect(popularity(graphFrom(nodes), 50)).toEqual(popularityByWays(nodes, 50));
    },
  );

  test("refuses a graph with a circle", () => {
    const circle = chain({ a: "b", b: "c", c: "a" });
    expect(() => popularity(graphFrom(circle), 5)).toThrow(expect.objectContaining({ code: "ERR_GRAPH" }));
  });
});

/**
 * The same ranking for graphs too deep for the description's own table: the ways that lead to a node and to each node
 * above it, added up.
 */
function popularityByWays(nodes: readonly Node[], limit: number): string[][] {
  const users = new Map(nodes.map(({ name }) => [name, [] as string[]]));
  for (const { name, references } of nodes) for (const target of references) users.get(target)!.push(name);
  const ways = new Map<string, bigint>();
  const count = (name: string): bigint => {
    const known = ways.get(name);
    if (known !== undefined) return known;
    const above = users.get(name)!;
    const sum = above.length === 0 ? 1n : above.reduce((total, user) => total + count(user), 0n);
    ways.set(name, sum);
    return sum;
  };
  // From the top, so that counting need not go deep.
  for (const { name } of nodes.toReversed()) count(name);
  const score = (name: string): bigint => {
    const seen = new Set([name]);
    for (const each of seen) for (const user of users.get(each)!) seen.add(user);
    return [...seen].reduce((total, each) => total + count(each), 0n);
  };
  const scored = nodes.map(({ name }) => ({
    name,
    score: score(name),
    label: name.split("-").reverse().join("-"),
  }));
  scored.sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : a.label < b.label ? -1 : 1));
  const ranked = scored.map(({ name }) => name);
  return [...ranked.slice(0, limit - 1).map((name) => [name]), ranked.slice(limit - 1)];
}

for (const [name, strategy] of Object.entries({ auto, popularity, balanced })) {
  describe(`the strategy ${name}`, () => {
    test("puts every path into exactly one layer, in no more layers than allowed", () => {
      const random = new Random(17);
      for (let round = 0; round < 100; round++) {
        const nodes = randomNodes(random, random.below(80), name === "auto" ? 2 : 0);
        const limit = 1 + random.below(20);
        const layers = strategy(graphFrom(nodes), limit);
        expect(layers.length).toBeLessThanOrEqual(limit);
        expect(layers.every((layer) => layer.length > 0)).toBe(true);
        expect(layers.flat().toSorted()).toEqual(
          nodes
            .filter(({ isVirtual }) => !isVirtual)
            .map((node) => node.name)
            .toSorted(),
        );
      }
    });

    test("makes no layers of nothing", () => {
      expect(strategy(graphFrom([]), 5)).toEqual([]);
    });

    test("plans a graph of 10,000 paths", () => {
      const nodes = randomNodes(new Random(18), 10_000, name === "auto" ? 2 : 0);
      const layers = strategy(graphFrom(nodes), 120);
      expect(layers.flat()).toHaveLength(10_000);
      expect(new Set(layers.flat()).size).toBe(10_000);
      expect(layers.length).toBeLessThanOrEqual(120);
    });

    test("plans a chain of 10,000 paths, each of which refers to the next", () => {
      const names = Array.from({ length: 10_000 }, (_, i) => `/nix/store/h-${String(i).padStart(5, "0")}`);
      const nodes = names.map((each, i): Node => ({
        name: each,
        narSize: i,
        references: names.slice(i + 1, i + 2),
      }));
      expect(strategy(graphFrom(nodes), 50).flat()).toHaveLength(10_000);
    });
  });
}

describe("the layers left for store paths", () => {
  test("are those of maxLayers without the contents' and the base image's", () => {
    expect(layerBudget(100, 0)).toBe(99);
    expect(layerBudget(4, 2)).toBe(1);
    expect(layerBudget(2, 0)).toBe(1);
  });

  test.each([
    [0, 0, 2],
    [1, 0, 2],
    [-5, 0, 2],
    [3, 2, 4],
    [100, 99, 101],
    [100, 120, 122],
  ])(
    "are refused for maxLayers %i over a base image of %i layers, with a hint at %i",
    (maxLayers, base, enough) => {
      expect(() => layerBudget(maxLayers, base)).toThrow(
        expect.objectContaining({ code: "ERR_LAYER_BUDGET", hint: expect.stringContaining(String(enough)) }),
      );
      expect(layerBudget(enough, base)).toBe(1);
    },
  );
});
