import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../../../dist/index.js";
import { type NixStore as TestStore, startNixStore } from "../../support/nixStore.js";
import { Random } from "../../support/random.js";
import { describeWith } from "../../support/requirements.js";
import { chainOf, closureOf, type GraphNode, pathOf, randomGraph, reachable } from "./graphs.js";

/** All shortest chains, the first by path; found breadth first over whole chains. */
function slowChain(nodes: readonly GraphNode[], from: string, to: string): string[] | undefined {
  const references = new Map(nodes.map((node) => [node.path, node.references]));
  const seen = new Set<string>();
  for (let chains = [[from]]; chains.length > 0;) {
    const found = chains
      .filter((chain) => chain.at(-1) === to)
      .sort((a, b) => (a.join() < b.join() ? -1 : 1));
    if (found[0]) return found[0];
    const ends = new Set(chains.map((chain) => chain.at(-1)!));
    for (const end of ends) seen.add(end);
    chains = chains.flatMap((chain) =>
      (references.get(chain.at(-1)!) ?? []).filter((next) => !seen.has(next)).map((next) => [...chain, next]),
    );
  }
  return undefined;
}

describe("why a path depends on another", () => {
  test("is the first of the shortest chains, and every reference on any chain, in random graphs", async () => {
    const random = new Random(11);
    for (let round = 0; round < 60; round++) {
      const nodes = randomGraph(random, 2 + random.below(25));
      const closure = await closureOf(nodes);
      for (let pair = 0; pair < 15; pair++) {
        const [from, to] = [random.pick(nodes).path, random.pick(nodes).path];
        expect(closure.whyDepends(from, to)).toEqual(slowChain(nodes, from, to));
        const leads = reachable(nodes, [from]);
        const edges = nodes.flatMap(({ path, references }) =>
          references
            .filter((each) => each !== path && leads.has(path) && reachable(nodes, [each]).has(to))
            .map((each) => `${path} ${each}`),
        );
        const found = closure.whyDependsAll(from, to);
        expect(found?.map((edge) => `${edge.from} ${edge.to}`).sort()).toEqual(
          leads.has(to) ? edges.sort() : undefined,
        );
        // A dependent's references come before those of what it references.
        const firsts = (found ?? []).map((edge) => edge.from);
        for (const [i, edge] of (found ?? []).entries()) expect(firsts.slice(0, i)).not.toContain(edge.to);
      }
    }
  });

  test("is a chain of one, without references, for a path and itself", async () => {
    const self = { path: pathOf(1), narSize: 1, references: [pathOf(1)] };
    const closure = await closureOf([self]);
    expect(closure.whyDepends(self.path, self.path)).toEqual([self.path]);
    expect(closure.whyDependsAll(self.path, self.path)).toEqual([]);
  });

  test("may be named by paths inside store paths", async () => {
    const nodes = chainOf(3);
    const closure = await closureOf(nodes);
    const [last, , first] = nodes.map(({ path }) => path) as [string, string, string];
    expect(closure.whyDepends(`${first}/bin/x`, `${last}/lib//y`)).toEqual(
      nodes.map(({ path }) => path).reverse(),
    );
  });

  test("is undefined for a store path that is not in the closure, an error from one that is not", async () => {
    const [only] = chainOf(1) as [GraphNode];
    const closure = await closureOf([only]);
    expect(closure.whyDepends(only.path, pathOf(5))).toBeUndefined();
    expect(closure.whyDependsAll(only.path, pathOf(5))).toBeUndefined();
    for (const ask of [closure.whyDepends.bind(closure), closure.whyDependsAll.bind(closure)]) {
      expect(() => ask(pathOf(5), only.path)).toThrow(
        expect.objectContaining({ code: "ERR_PATH_NOT_VALID" }),
      );
      expect(() => ask(only.path, "/usr/bin/env")).toThrow(
        expect.objectContaining({ code: "ERR_OUTSIDE_STORE" }),
      );
      expect(() => ask(only.path, 7 as never)).toThrow(
        expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument: "to" } }),
      );
      expect(() => ask(undefined as never, only.path)).toThrow(
        expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument: "from" } }),
      );
    }
  });

  test("is found along a chain of 100,000 paths", async () => {
    const nodes = chainOf(100_000);
    const closure = await closureOf(nodes);
    const [from, to] = [nodes.at(-1)!.path, nodes[0]!.path];
    expect(closure.whyDepends(from, to)).toHaveLength(100_000);
    expect(closure.whyDependsAll(from, to)).toHaveLength(99_999);
    expect(closure.whyDepends(to, from)).toBeUndefined();
  });
});

test("questions about a path refuse what is no store path, and one that is not in the closure", async () => {
  const closure = await closureOf(chainOf(1));
  const asks = ["references", "referrers", "closureSize", "addedSize", "tree"] as const;
  for (const name of asks) {
    const ask = (path: string): unknown => closure[name](path);
    expect(() => ask(pathOf(9))).toThrow(expect.objectContaining({ code: "ERR_PATH_NOT_VALID" }));
    expect(() => ask("nonsense")).toThrow(expect.objectContaining({ code: "ERR_OUTSIDE_STORE" }));
    expect(() => ask("/nix/store/short-x")).toThrow(expect.objectContaining({ code: "ERR_OUTSIDE_STORE" }));
    expect(() => ask(null as never)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  }
  expect(closure.has("nonsense")).toBe(false);
  expect(closure.get("nonsense")).toBeUndefined();
  expect(() => closure.has(1 as never)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
});

describeWith(["nix-daemon", "nix"], "nix why-depends", () => {
  let nix: TestStore;
  const nodes = randomGraph(new Random(12), 60, { density: 1.5 });
  beforeAll(async () => {
    nix = await startNixStore();
    await nix.registerPaths(
      nodes.map(({ path, narSize, references }) => ({
        path: moved(path),
        narSize: narSize + 1,
        narHash: "00".repeat(32),
        references: references.map(moved),
      })),
    );
  });
  afterAll(() => nix[Symbol.asyncDispose]());
  const moved = (path: string): string => path.replace("/nix/store", nix.storeDir);

  /** Lines of a tree as references. */
  function edgesIn(tree: string): string[] {
    const above: string[] = [];
    return stripVTControlCharacters(tree)
      .split("\n")
      .filter(Boolean)
      .flatMap((line) => {
        const at = line.indexOf("/");
        above.length = at / 4;
        above.push(line.slice(at));
        return above.length > 1 ? [above.slice(-2).join(" ")] : [];
      });
  }

  test("has the same references on the way", async () => {
    await using store = await openStore(nix.uri);
    const random = new Random(13);
    let found = 0;
    for (let pair = 0; pair < 12; pair++) {
      const high = 20 + random.below(40);
      const [from, to] = [moved(nodes[high]!.path), moved(nodes[random.below(high)]!.path)];
      const closure = await store.closure(from);
      const one = await nix.run("nix", ["why-depends", from, to]);
      const all = await nix.run("nix", ["why-depends", "--all", from, to]);
      const chain = closure.whyDepends(from, to);
      if (!chain) {
        expect(one.stderr).toContain("does not depend on");
        continue;
      }
      found++;
      expect(chain).toHaveLength(edgesIn(one.stdout.toString()).length + 1);
      const edges = closure.whyDependsAll(from, to)!.map((edge) => `${edge.from} ${edge.to}`);
      expect([...new Set(edgesIn(all.stdout.toString()))].sort()).toEqual(edges.sort());
    }
    expect(found).toBeGreaterThan(2);
    expect(found).toBeLessThan(12);
  });
});
