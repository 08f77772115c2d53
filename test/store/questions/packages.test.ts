import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diffClosures, openStore, type StorePath } from "../../../dist/index.js";
import { packageName } from "../../../dist/store/packageName.js";
import { type NixStore as TestStore, startNixStore } from "../../support/nixStore.js";
import { Random } from "../../support/random.js";
import { describeWith } from "../../support/requirements.js";
import { closureOf, type GraphNode, pathOf } from "./graphs.js";

test.each([
  ["hello-2.12", { name: "hello", version: "2.12", output: "" }],
  ["glibc-2.37-8-dev", { name: "glibc", version: "2.37-8", output: "dev" }],
  ["gcc-12.3.0-lib", { name: "gcc", version: "12.3.0", output: "lib" }],
  ["apache-httpd-2.0.48", { name: "apache-httpd", version: "2.0.48", output: "" }],
  ["source", { name: "source", version: "", output: "" }],
  ["hello-world", { name: "hello", version: "", output: "world" }],
  ["x-1.0-lib32", { name: "x", version: "1.0", output: "lib32" }],
  ["x-1.0-lib16", { name: "x", version: "1.0-lib16", output: "" }],
  ["python3.11-foo-1.2", { name: "python3.11-foo", version: "1.2", output: "" }],
  ["a-", { name: "a-", version: "", output: "" }],
  ["a--b", { name: "a-", version: "", output: "b" }],
  ["a-_b-C", { name: "a", version: "_b-C", output: "" }],
  ["-1", { name: "", version: "1", output: "" }],
])("the name %s is taken apart as Nix does", (name, parts) => {
  expect(packageName(pathOf(1, name) as StorePath)).toEqual(parts);
});

const node = (number: number, name: string, narSize: number, references: string[] = []): GraphNode => ({
  path: pathOf(number, name),
  narSize,
  references,
});

describe("what is different between two closures", () => {
  const same = node(0, "bash-5.2", 50);
  const old = [
    same,
    node(1, "hello-2.12", 100),
    node(2, "glibc-2.37", 1000),
    node(3, "glibc-2.37-bin", 10),
    node(4, "gone-1", 7),
    node(5, "zlib-1.3", 20),
  ];
  const new_ = [
    same,
    node(11, "hello-2.13", 130),
    node(12, "glibc-2.37", 1001),
    node(13, "glibc-2.37-bin", 10),
    node(14, "fresh", 9),
    node(5, "zlib-1.3", 20),
    node(15, "zlib-1.3-dev", 5),
  ];

  test("is told package by package, with its kind and its bytes", async () => {
    const diff = diffClosures(await closureOf(old), await closureOf(new_));
    const entry = (path: GraphNode, version: string, output = ""): unknown => {
      return { path: path.path, narSize: path.narSize, version, output };
    };
    expect(diff).toMatchObject({
      before: { size: 6, narSize: 1187 },
      after: { size: 7, narSize: 1225 },
      narSizeDelta: 38,
    });
    expect(diff.changes.map(({ name, kind, narSizeDelta }) => [name, kind, narSizeDelta])).toEqual([
      ["fresh", "added", 9],
      ["glibc", "rebuilt", 1],
      ["gone", "removed", -7],
      ["hello", "version", 30],
      ["zlib", "outputs", 5],
    ]);
    expect(diff.changes[3]).toEqual({
      ...{ name: "hello", kind: "version", narSizeDelta: 30 },
      ...{ removedVersions: ["2.12"], addedVersions: ["2.13"] },
      removed: [entry(old[1]!, "2.12")],
      added: [entry(new_[1]!, "2.13")],
    });
    expect(diff.changes[4]).toMatchObject({ removed: [], added: [entry(new_[6]!, "1.3", "dev")] });
    expect(diff.changes[0]).toMatchObject({ removedVersions: [], addedVersions: [""] });
    expect(diff.changes[1]!.added).toHaveLength(2);
  });

  test("is nothing for one closure and itself, and the other way round when turned round", async () => {
    const [one, other] = [await closureOf(old), await closureOf(new_)];
    expect(diffClosures(one, one)).toMatchObject({ changes: [], narSizeDelta: 0 });
    const [there, back] = [diffClosures(one, other), diffClosures(other, one)];
    expect(back.narSizeDelta).toBe(-there.narSizeDelta);
    expect(back.changes.map(({ added, removed }) => [removed, added])).toEqual(
      there.changes.map(({ added, removed }) => [added, removed]),
    );
  });

  test("sums up to the bytes of the closures", async () => {
    const random = new Random(31);
    const names = ["a-1", "a-2", "a-1-dev", "b", "b-lib", "c-1.0-pre1", "c-d-1"];
    const pool = Array.from({ length: 60 }, (_, i) => node(i, random.pick(names), random.below(1000)));
    for (let round = 0; round < 30; round++) {
      const [one, other] = [0, 1].map(() => pool.filter(() => random.chance(0.5))) as [
        GraphNode[],
        GraphNode[],
      ];
      const diff = diffClosures(await closureOf(one), await closureOf(other));
      expect(diff.changes.reduce((sum, { narSizeDelta }) => sum + narSizeDelta, 0)).toBe(diff.narSizeDelta);
      const removed = diff.changes.flatMap((change) => change.removed.map(({ path }) => path));
      const kept = new Set(other.map(({ path }) => path));
      expect(removed.sort()).toEqual(
        one
          .map(({ path }) => path)
          .filter((path) => !kept.has(path))
          .sort(),
      );
    }
  });

  test("is asked of closures only", async () => {
    const closure = await closureOf(old);
    expect(() => diffClosures(closure, undefined as never)).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument: "after" } }),
    );
    expect(() => diffClosures("x" as never, closure)).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument: "before" } }),
    );
  });
});

describe("duplicates", () => {
  test("are outputs of a package in several versions or builds, the largest first, with who brings them", async () => {
    const [old, new_, again] = [node(1, "ssl-1.1", 100), node(2, "ssl-3.0", 300), node(3, "ssl-3.0", 301)];
    const dev = node(4, "ssl-3.0-dev", 9999);
    const hooks = [node(5, "hook", 1), node(6, "hook", 2, [pathOf(6, "hook")])];
    const app = node(7, "app-1", 50, [old.path, new_.path, hooks[0]!.path]);
    const tool = node(8, "tool-1", 50, [new_.path, again.path, dev.path, hooks[1]!.path]);
    const closure = await closureOf([old, new_, again, dev, ...hooks, app, tool]);
    expect(closure.duplicates()).toEqual([
      {
        ...{ name: "ssl", output: "", narSize: 701 },
        copies: [
          { path: old.path, version: "1.1", narSize: 100, addedSize: 100, referrers: [app.path] },
          ...[
            {
              path: new_.path,
              version: "3.0",
              narSize: 300,
              addedSize: 300,
              referrers: [app.path, tool.path],
            },
            { path: again.path, version: "3.0", narSize: 301, addedSize: 301, referrers: [tool.path] },
          ].sort((a, b) => (a.path < b.path ? -1 : 1)),
        ].map((copy) =>
          expect.objectContaining({ ...copy, referrers: expect.arrayContaining(copy.referrers) }),
        ),
      },
      {
        ...{ name: "hook", output: "", narSize: 3 },
        copies: [
          { path: hooks[0]!.path, version: "", narSize: 1, addedSize: 1, referrers: [app.path] },
          { path: hooks[1]!.path, version: "", narSize: 2, addedSize: 2, referrers: [tool.path] },
        ].sort((a, b) => (a.path < b.path ? -1 : 1)),
      },
    ]);
  });
});

describeWith(["nix-daemon", "nix"], "nix store diff-closures", () => {
  let nix: TestStore;
  beforeAll(async () => {
    nix = await startNixStore();
  });
  afterAll(() => nix[Symbol.asyncDispose]());

  test("names the same packages, versions and large differences of size", async () => {
    const random = new Random(32);
    const names = [
      "a-1",
      "a-2",
      "a-1-dev",
      "b",
      "b-lib",
      "c-1.0-pre1",
      "c-d-1",
      "hello-world",
      "e-2-1",
      "f-0",
    ];
    const hash = (i: number): string => String(i).padStart(32, "0");
    const pool = Array.from({ length: 40 }, (_, i) => ({
      path: `${nix.storeDir}/${hash(i)}-${random.pick(names)}`,
      ...{ narHash: "00".repeat(32), narSize: 1 + random.below(100_000), references: [] as string[] },
    }));
    await nix.registerPaths(pool);
    await using store = await openStore(nix.uri);
    for (let round = 0; round < 6; round++) {
      const tops = [0, 1].map((side) => ({
        path: `${nix.storeDir}/${hash(1000 + 2 * round + side)}-top`,
        ...{ narHash: "00".repeat(32), narSize: 1 },
        references: pool.filter(() => random.chance(0.3)).map(({ path }) => path),
      }));
      await nix.registerPaths(tops);
      const [before, after] = tops.map(({ path }) => path) as [string, string];
      const { stdout } = await nix.run("nix", ["store", "diff-closures", before, after]);
      const diff = diffClosures(await store.closure(before), await store.closure(after));
      const shown = (versions: readonly string[]): string =>
        versions.length === 0
          ? "∅"
          : versions
              .map((version) => version || "ε")
              .sort()
              .join(", ");
      const lines = diff.changes.flatMap(({ name, removedVersions, addedVersions, narSizeDelta }) => {
        const versions = removedVersions.length + addedVersions.length > 0;
        const sign = narSizeDelta > 0 ? "+" : "";
        const items = [
          ...(versions ? [`${shown(removedVersions)} → ${shown(addedVersions)}`] : []),
          ...(Math.abs(narSizeDelta) >= 8192 ? [`${sign}${(narSizeDelta / 1024).toFixed(1)} KiB`] : []),
        ];
        return items.length > 0 ? [`${name}: ${items.join(", ")}`] : [];
      });
      expect(lines).not.toEqual([]);
      expect(stripVTControlCharacters(stdout.toString()).trim().split("\n")).toEqual(lines);
    }
  });
});
