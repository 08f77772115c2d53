import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Closure, openStore } from "../../../dist/index.js";
import { type NixStore as TestStore, startNixStore } from "../../support/nixStore.js";
import { Random } from "../../support/random.js";
import { describeWith } from "../../support/requirements.js";
import { laminix } from "../../support/run.js";
import { chainOf, closureOf, type GraphNode, randomGraph } from "./graphs.js";

describe("a tree of references", () => {
  test("has every reference of every path below its root once, under its referrer", async () => {
    const random = new Random(21);
    for (let round = 0; round < 40; round++) {
      const nodes = randomGraph(random, 1 + random.below(60));
      const closure = await closureOf(nodes);
      const root = random.pick(nodes).path;
      const edges: string[] = [];
      const above: string[] = [];
      for (const { path, depth } of closure.tree(root)) {
        above.length = depth;
        if (depth > 0) edges.push(`${above.at(-1)!} ${path}`);
        above.push(path);
      }
      const below = closure.whyDepends(root, root) && reached(closure, root);
      const expected = below!.flatMap((path) => closure.references(path).map((each) => `${path} ${each}`));
      expect(edges.sort()).toEqual(expected.sort());
    }
  });

  function reached(closure: Closure, root: string): string[] {
    const seen = new Set([root]);
    for (const path of seen) for (const each of closure.references(path)) seen.add(each);
    return [...seen];
  }

  test("marks what was shown before, and the last of each path's references", async () => {
    const [base, lib, app] = chainOf(3) as [GraphNode, GraphNode, GraphNode];
    const closure = await closureOf([
      { ...base, references: [base.path] },
      lib,
      { ...app, references: [base.path, lib.path] },
    ]);
    expect([...closure.tree(app.path)]).toEqual([
      { path: app.path, depth: 0, isLast: true, isRepeated: false },
      { path: base.path, depth: 1, isLast: false, isRepeated: false },
      { path: base.path, depth: 2, isLast: true, isRepeated: true },
      { path: lib.path, depth: 1, isLast: true, isRepeated: false },
      { path: base.path, depth: 2, isLast: true, isRepeated: true },
    ]);
  });

  test("may be as deep as it likes", async () => {
    const nodes = chainOf(100_000);
    const closure = await closureOf(nodes);
    let deepest = 0;
    for (const { depth } of closure.tree(nodes.at(-1)!.path)) deepest = Math.max(deepest, depth);
    expect(deepest).toBe(99_999);
  });

  test("may have one path that references a chain of 100,000, each of them", async () => {
    const chain = chainOf(100_000);
    const top = { ...chainOf(100_001)[100_000]!, references: chain.map(({ path }) => path) };
    const closure = await closureOf([...chain, top]);
    // The flattest tree: the last of the chain comes last, and all it leads to has been shown by then.
    const depths = Array.from(closure.tree(top.path), ({ depth }) => depth);
    expect(depths).toHaveLength(200_000);
    expect(Math.max(...depths.slice(0, 1000))).toBe(2);
  });
});

describeWith(["nix-daemon"], "the tree that is printed", () => {
  let nix: TestStore;
  beforeAll(async () => {
    nix = await startNixStore();
  });
  afterAll(() => nix[Symbol.asyncDispose]());

  test("is the one of nix-store --query --tree, to the byte", async () => {
    const random = new Random(22);
    for (let round = 0; round < 4; round++) {
      const name = (i: number): string => `round-${round}-node-${i}`;
      const nodes = randomGraph(random, 50, { name, density: 2 }).map((node) => ({
        path: node.path.replace("/nix/store/", `${nix.storeDir}/`).replace(/\/.(?=[^/]*$)/, `/${round}`),
        narHash: "00".repeat(32),
        narSize: 1,
        references: node.references.map((each) =>
          each.replace("/nix/store/", `${nix.storeDir}/`).replace(/\/.(?=[^/]*$)/, `/${round}`),
        ),
      }));
      await nix.registerPaths(nodes);
      const root = nodes.at(-1)!.path;
      const expected = await nix.run("nix-store", ["--query", "--tree", root]);
      const printed = await laminix(["tree", root, "--store", nix.uri]);
      expect(printed.stderr).toBe("");
      expect(printed.stdout.toString()).toBe(expected.stdout.toString());
      await using store = await openStore(nix.uri);
      const requisites = await nix.run("nix-store", ["--query", "--requisites", root]);
      const paths = Array.from((await store.closure(root)).tree(root), ({ path }) => path);
      expect([...new Set<string>(paths)].sort()).toEqual(
        requisites.stdout.toString().trim().split("\n").sort(),
      );
    }
  });
});
