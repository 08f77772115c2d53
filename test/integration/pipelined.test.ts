import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NixStore, openStore } from "../../dist/index.js";
import { debianClosure, smallPackages } from "../support/debianStore.js";
import { type NixStore as TestStore, startNixStore, type SyntheticPath } from "../support/nixStore.js";
import { startProxy } from "../support/proxy.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/**
 * Round trips that a first question costs besides its own: the greeting with both versions; the features, from
 * protocol 1.38 on; the daemon's version and the answer to SetOptions; and the path that is not there, by which the
 * store's directory is confirmed.
 */
const CONSTANT = 4;
/** Milliseconds: longer than either side pauses while it has something to say. */
const QUIET = 40;

describeWith(["nix-daemon", "nix-store"], "through a line on which every answer takes its time", () => {
  let daemon: TestStore;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    daemon = await startNixStore();
    folder = await temporaryFolder("proxy");
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Registers a graph given by rows: each path references paths of the row below. Answers the paths of the first row. */
  const addGraph = async (
    name: string,
    rows: number,
    width: number,
    referencesOf: (column: number) => number[],
  ): Promise<readonly string[]> => {
    const row = (depth: number): string[] =>
      Array.from({ length: width }, (_, column) => daemon.pathFor(`${name}-${depth}-${column}`));
    const paths: SyntheticPath[] = [];
    // From the bottom up: what is referenced is registered first.
    for (let depth = rows - 1; depth >= 0; depth--) {
      const below = depth === rows - 1 ? [] : row(depth + 1);
      for (const [column, path] of row(depth).entries()) {
        const narHash = createHash("sha256").update(path).digest("hex");
        const references = referencesOf(column).flatMap((target) => below[target] ?? []);
        paths.push({ path, narHash, narSize: 100, references });
      }
    }
    await daemon.registerPaths(paths);
    return row(0);
  };

  let proxies = 0;
  const slowly = (): ReturnType<typeof startProxy> =>
    startProxy(daemon.socket, folder.join(`socket-${proxies++}`), { quiet: QUIET });

  test.each<[string, number, number, (column: number) => number[]]>([
    ["a chain", 20, 1, () => [0]],
    ["a lattice", 12, 25, (column) => [column, (column + 1) % 25, (column * 7) % 25]],
    ["two thousand paths in three rows", 3, 700, (column) => [column, (column + 1) % 700]],
  ])(
    "a closure of %s takes no more round trips than its rows and a constant",
    async (name, rows, width, references) => {
      const roots = await addGraph(name.replaceAll(" ", "-"), rows, width, references);
      await using proxy = await slowly();
      await using store = new NixStore(proxy.uri);
      const closure = await store.closure(roots);
      expect(closure.size).toBe(rows * width);
      expect(proxy.connections).toBe(1);
      expect(proxy.roundTrips).toBeGreaterThanOrEqual(rows);
      expect(proxy.roundTrips).toBeLessThanOrEqual(rows + CONSTANT);
    },
  );

  test("many questions asked at once take one round trip", async () => {
    const [path] = await addGraph("at-once", 1, 1, () => []);
    await using proxy = await slowly();
    await using store = await openStore(proxy.uri);
    const before = proxy.roundTrips;
    const questions = Array.from({ length: 500 }, () => store.pathInfo(path!));
    expect(new Set((await Promise.all(questions)).map((info) => info?.path))).toEqual(new Set([path]));
    expect(proxy.roundTrips - before).toBeLessThanOrEqual(1);
  });

  test("holding hundreds of paths takes the greeting and one round trip", async () => {
    const paths = await addGraph("held", 1, 300, () => []);
    await using proxy = await slowly();
    await using store = await openStore(proxy.uri);
    const { roundTrips, connections } = proxy;
    await using _roots = await store.tempRoots(paths);
    expect(proxy.connections).toBe(connections + 1);
    expect(proxy.roundTrips - roundTrips).toBeLessThanOrEqual(CONSTANT);
  });

  test("an aborted question leaves the line in order", async () => {
    const roots = await addGraph("aborted", 4, 50, (column) => [column]);
    await using proxy = await slowly();
    await using store = await openStore(proxy.uri);
    const { connections } = proxy;
    const reason = new Error("enough");
    const controller = new AbortController();
    const closure = store.closure(roots, { signal: controller.signal });
    setTimeout(() => {
      controller.abort(reason);
    }, QUIET);
    await expect(closure).rejects.toBe(reason);
    expect((await store.closure(roots)).size).toBe(200);
    expect(proxy.connections).toBe(connections);
  });
});

describeWith(
  ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"],
  "a closure of packages through such a line",
  () => {
    test("takes no more round trips than its breadth-first depth and a constant", async () => {
      const debian = await debianClosure(smallPackages);
      await using daemon = await startNixStore({ at: debian.root });
      await using folder = await temporaryFolder("proxy");
      await using proxy = await startProxy(daemon.socket, folder.join("socket"), { quiet: QUIET });
      await using store = new NixStore(proxy.uri);
      const closure = await store.closure(debian.roots);

      const depths = new Map<string, number>(debian.roots.map((path) => [path, 1]));
      for (const [path, depth] of depths) {
        for (const reference of closure.references(path)) {
          if (!depths.has(reference)) depths.set(reference, depth + 1);
        }
      }
      expect(depths.size).toBe(closure.size);
      expect(proxy.roundTrips).toBeLessThanOrEqual(Math.max(...depths.values()) + CONSTANT);
    });
  },
);
