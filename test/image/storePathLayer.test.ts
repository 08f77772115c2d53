import { createHash } from "node:crypto";
import { mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
// Threads are started from compiled files.
import { DigestCache } from "../../dist/image/digestCache.js";
import { foldersTo, StorePathLayer, type StorePathLayerOptions } from "../../dist/image/storePathLayer.js";
import { TarPool } from "../../dist/tar/pool.js";
import { bytesOf, membersOf } from "../support/members.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";

const MIB = 1 << 20;

/** A layer of the trees in a folder, which it calls by names in /nix/store. */
function layerOf(
  folder: TemporaryFolder,
  names: readonly string[],
  options: Partial<StorePathLayerOptions> = {},
): StorePathLayer {
  return new StorePathLayer({
    paths: names.map((name) => `/nix/store/${name}`) as never,
    parents: ["/nix", "/nix/store"],
    owner: { uid: 0, gid: 0, uname: "root", gname: "root" },
    mtime: 1,
    locate: (path) => ({ disk: folder.join(path.slice("/nix/store/".length)) }),
    narHash: (path) => `sha256-${path}`,
    pool: new TarPool(2),
    ...options,
  });
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function write(folder: TemporaryFolder, name: string, size: number, fill = "x"): void {
  mkdirSync(folder.join(name), { recursive: true });
  writeFileSync(folder.join(name, "file"), Buffer.alloc(size, fill));
}

describe("a layer of store paths", () => {
  test("has the digest and size of its bytes, with and without a cache, read ahead or not", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("odd"));
    write(folder, "small", 1000);
    write(folder, "large", 20 * MIB);
    const plain = new Map<string, string>();
    for (const [round, thenRead, cached] of [
      [0, false, false],
      [1, true, false],
      [2, true, true],
      [3, false, true],
      [4, true, true],
    ] as const) {
      const cache = cached ? new DigestCache(folder.join("cache")) : undefined;
      const pool = new TarPool(2);
      const layers = [["small"], ["odd", "small"], ["large"], ["odd"]].map((names) =>
        layerOf(folder, names, { pool, cache }),
      );
      const digests = layers.map((layer) => layer.diffId({ thenRead }));
      for (const [i, layer] of layers.entries()) {
        const { diffId, size } = await digests[i]!;
        const bytes = await bytesOf(layer.open());
        expect([round, i, bytes.length]).toEqual([round, i, size]);
        expect(digestOf(bytes)).toBe(diffId);
        const name = layer.sources.join();
        expect(plain.get(name) ?? diffId).toBe(diffId);
        plain.set(name, diffId);
        expect(digestOf(await bytesOf(layer.open()))).toBe(diffId);
      }
    }
  });

  test("can be read in any number and any order after all were hashed", async () => {
    await using folder = await temporaryFolder();
    const names = Array.from({ length: 30 }, (_, i) => `tree${i}`);
    for (const [i, name] of names.entries()) write(folder, name, (i % 5) * MIB + i, String(i % 10));
    for (const _ of ["cold", "warm"]) {
      const pool = new TarPool(2);
      const cache = new DigestCache(folder.join("cache"));
      const layers = names.map((name) => layerOf(folder, [name], { pool, cache }));
      const digests = await Promise.all(layers.map((layer) => layer.diffId({ thenRead: false })));
      for (const [i, layer] of [...layers.entries()].reverse()) {
        expect(digestOf(await bytesOf(layer.open()))).toBe(digests[i]!.diffId);
      }
    }
  });

  for (const [what, change] of Object.entries({
    "a file is rewritten with as many bytes": (folder: TemporaryFolder) =>
      write(folder, "tree", 3 * MIB, "y"),
    "a file is rewritten and its time set back": (folder: TemporaryFolder) => {
      const { atime, mtime } = statSync(folder.join("tree/file"));
      write(folder, "tree", 3 * MIB, "y");
      utimesSync(folder.join("tree/file"), atime, mtime);
    },
    "a file is rewritten with more bytes": (folder: TemporaryFolder) => write(folder, "tree", 4 * MIB),
    "a file is added": (folder: TemporaryFolder) => writeFileSync(folder.join("tree/more"), ""),
  })) {
    test(`is not read to its end when ${what} after it was hashed`, async () => {
      await using folder = await temporaryFolder();
      write(folder, "tree", 3 * MIB);
      const cache = new DigestCache(folder.join("cache"));
      const layer = layerOf(folder, ["tree"], { cache });
      await layer.diffId();
      expect(cache.get(layer.source.contentKey!)).toBeDefined();
      change(folder);
      await expect(bytesOf(layer.open())).rejects.toMatchObject({
        code: "ERR_FILE_CHANGED",
        details: { paths: ["/nix/store/tree"] },
      });
      expect(cache.get(layer.source.contentKey!)).toBeUndefined();
    });
  }

  test("notices that its size is not the one that the cache has, and has the cache forget it", async () => {
    await using folder = await temporaryFolder();
    write(folder, "tree", 3 * MIB);
    const cache = new DigestCache(folder.join("cache"));
    const first = layerOf(folder, ["tree"], { cache });
    await first.diffId();
    write(folder, "tree", 5 * MIB);
    for (const thenRead of [true, false]) {
      cache.put(first.source.contentKey!, await first.diffId());
      const second = layerOf(folder, ["tree"], { cache });
      expect(await second.diffId({ thenRead })).toEqual(await first.diffId());
      await expect(bytesOf(second.open())).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
      expect(cache.get(first.source.contentKey!)).toBeUndefined();
    }
  });

  test("can be hashed again after that was stopped", async () => {
    await using folder = await temporaryFolder();
    write(folder, "tree", 100 * MIB);
    const layer = layerOf(folder, ["tree"]);
    const controller = new AbortController();
    const hashing = layer.diffId({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(hashing).rejects.toBe(reason);
    expect(digestOf(await bytesOf(layer.open()))).toBe((await layer.diffId()).diffId);
  });

  test("has a key that changes with everything that changes its bytes", async () => {
    await using folder = await temporaryFolder();
    const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };
    const keys = [
      layerOf(folder, ["a", "b"]),
      layerOf(folder, ["b", "a"]),
      layerOf(folder, ["a"]),
      layerOf(folder, ["a", "b"], { mtime: 2 }),
      layerOf(folder, ["a", "b"], { parents: ["/nix"] }),
      layerOf(folder, ["a", "b"], { narHash: () => "sha256-other" }),
      layerOf(folder, ["a", "b"], { owner: { ...owner, uid: 1 } }),
      layerOf(folder, ["a", "b"], { owner: { ...owner, gid: 1 } }),
      layerOf(folder, ["a", "b"], { owner: { ...owner, uname: "r" } }),
      layerOf(folder, ["a", "b"], { owner: { ...owner, gname: "r" } }),
    ].map(({ source }) => source.contentKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(layerOf(folder, ["a", "b"]).source.contentKey).toBe(keys[0]);
    expect(layerOf(folder, ["a", "b"], { locate: () => ({ disk: "/elsewhere" }) }).source.contentKey).toBe(
      keys[0],
    );
    expect(layerOf(folder, ["a", "b"], { narHash: () => undefined }).source.contentKey).toBeUndefined();
  });

  test("is hashed anew where its hashes are unknown, whatever the cache", async () => {
    await using folder = await temporaryFolder();
    write(folder, "tree", 10);
    const cache = new DigestCache(folder.join("cache"));
    await layerOf(folder, ["tree"], { cache, narHash: () => undefined }).diffId();
    expect(cache.summary().entries).toBe(0);
  });

  test("gives its files the owner and the time of the layer, and text owners in UTF-8", async () => {
    await using folder = await temporaryFolder();
    write(folder, "tree", 1);
    const owner = { uid: 1000, gid: 100, uname: "jürgen", gname: "users" };
    const members = await membersOf(await bytesOf(layerOf(folder, ["tree"], { owner, mtime: 77 }).open()));
    expect(members.map(({ header }) => header.name)).toEqual([
      "/nix/",
      "/nix/store/",
      "/nix/store/tree/",
      "/nix/store/tree/file",
    ]);
    for (const { header } of members)
      expect(header).toMatchObject({ uid: 1000, gid: 100, mtime: new Date(77_000) });
    expect(members[0]!.header.pax).toMatchObject({ uname: "jürgen" });
  });
});

describe("the folders above a store", () => {
  test("are listed from the top", () => {
    expect(foldersTo("/nix/store")).toEqual(["/nix", "/nix/store"]);
    expect(foldersTo("/a/b/c")).toEqual(["/a", "/a/b", "/a/b/c"]);
    expect(foldersTo("/store")).toEqual(["/store"]);
  });
});
