import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { type BlobDigest, defaultCacheDir, DigestCache } from "../../dist/image/digestCache.js";
import { ownTag } from "../../dist/files/owner.js";
import { hashOf, type LayerDigest } from "../../dist/image/layer.js";
import { testWith } from "../support/requirements.js";
import { mustRun, projectRoot } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

const digest = (n: number): LayerDigest => ({ diffId: `sha256:${hashOf(["digest", n])}`, size: n * 10240 });
const key = (n: number): string => hashOf(["key", n]);

function fileOf(cache: DigestCache, which: string): string {
  return path.join(cache.path, "digests", which.slice(0, 2), which.slice(2));
}

describe("the digest cache", () => {
  test("gives what was put, to another instance too, and nothing else", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.join("cache"));
    expect(cache.get(key(1))).toBeUndefined();
    cache.put(key(1), digest(1));
    cache.put(key(2), { ...digest(2), size: 999_999_999_999_999 });
    expect(cache.get(key(1))).toEqual(digest(1));
    expect(new DigestCache(folder.join("cache")).get(key(2))?.size).toBe(999_999_999_999_999);
    expect(cache.get(key(3))).toBeUndefined();
  });

  test("knows a layer by each encoder that compressed it, apart from the layer itself", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    const blob = (n: number): BlobDigest => ({ digest: digest(n).diffId, size: n });
    cache.put(key(1), digest(1));
    cache.putCompressed(key(1), "gz 6", blob(2));
    cache.putCompressed(key(1), "gz 9", blob(3));
    expect(cache.get(key(1))).toEqual(digest(1));
    expect(["gz 6", "gz 9", "zstd"].map((encoder) => cache.compressed(key(1), encoder))).toEqual([
      blob(2),
      blob(3),
      undefined,
    ]);
    expect(cache.compressed(key(2), "gz 6")).toBeUndefined();
    expect([2, 3, 4].map((n) => cache.encoderOf(digest(n).diffId))).toEqual(["gz 6", "gz 9", undefined]);
    expect(cache.summary()).toMatchObject({ entries: 3, compressed: 2 });
    cache.removeCompressed(key(1), "gz 6");
    expect(cache.compressed(key(1), "gz 6")).toBeUndefined();
    cache.clear();
    expect(cache.summary()).toMatchObject({ entries: 0, compressed: 0 });
    expect(cache.encoderOf(digest(3).diffId)).toBeUndefined();
  });

  test("forgets what is removed, and may be asked to twice", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    cache.put(key(1), digest(1));
    cache.remove(key(1));
    cache.remove(key(1));
    expect(cache.get(key(1))).toBeUndefined();
  });

  test("takes an entry that is not right for none", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    cache.put(key(1), digest(1));
    const good = readFileSync(fileOf(cache, key(1)), "utf8");
    for (const bad of [
      "",
      "\n",
      good.slice(1),
      good.slice(0, -1),
      good.toUpperCase(),
      `${good}\n`,
      ` ${good}`,
      "{}",
      good.replace(" ", " -"),
      good.replace(/ .*/, " 1e9"),
      "\0".repeat(80),
    ]) {
      writeFileSync(fileOf(cache, key(1)), bad);
      expect(cache.get(key(1)), JSON.stringify(bad)).toBeUndefined();
    }
    cache.put(key(1), digest(1));
    expect(cache.get(key(1))).toEqual(digest(1));
  });

  test("takes an entry with a changed digit, or that belongs elsewhere, for none", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    cache.put(key(1), digest(1));
    cache.put(key(2), digest(2));
    cache.putCompressed(key(1), "gz 6", { digest: digest(1).diffId, size: 1 });
    const good = readFileSync(fileOf(cache, key(1)), "latin1");
    for (let at = 0; at < good.length; at++) {
      const flipped = good[at] === "1" ? "2" : "1";
      writeFileSync(fileOf(cache, key(1)), good.slice(0, at) + flipped + good.slice(at + 1));
      expect(cache.get(key(1)), `${flipped} at ${String(at)}`).toBeUndefined();
    }
    copyFileSync(fileOf(cache, key(2)), fileOf(cache, key(1)));
    expect(cache.get(key(1))).toBeUndefined();
    const packed = readdirSync(folder.join("compressed"), { recursive: true, encoding: "utf8" });
    copyFileSync(folder.join(`compressed/${String(packed.at(-1))}`), fileOf(cache, key(1)));
    expect(cache.get(key(1))).toBeUndefined();
    expect(cache.get(key(2))).toEqual(digest(2));
  });

  test("takes what is no small file of this user's for no entry, and waits for nothing", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    const file = fileOf(cache, key(1));
    cache.put(key(1), digest(1));
    const kept = folder.join("kept");
    renameSync(file, kept);
    const makers = {
      "a link to a good entry": () => symlinkSync(kept, file),
      "a link to an endless file": () => symlinkSync("/dev/zero", file),
      "a pipe without a writer": () => spawnSync("mkfifo", [file]),
      "a large file": () => writeFileSync(file, Buffer.alloc(1 << 20)),
    };
    for (const [what, make] of Object.entries(makers)) {
      make();
      expect(lstatSync(file), what).toBeDefined();
      expect(cache.get(key(1)), what).toBeUndefined();
      cache.put(key(1), digest(1));
      expect(cache.get(key(1)), what).toEqual(digest(1));
      expect(readFileSync(kept, "latin1")).toBe(readFileSync(file, "latin1"));
      rmSync(file);
    }
  });

  testWith(["root"], "takes an entry of another user for none", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    cache.put(key(1), digest(1));
    chownSync(fileOf(cache, key(1)), 65534, 65534);
    expect(cache.get(key(1))).toBeUndefined();
  });

  test("removes what a process that died was about to put in place", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    const module = pathToFileURL(path.join(projectRoot, "dist/files/owner.js")).href;
    const script = `console.log((await import(${JSON.stringify(module)})).ownTag())`;
    const { stdout } = await mustRun(process.execPath, ["--input-type=module", "-e", script]);
    cache.put(key(1), digest(1));
    const leftBehind = `${fileOf(cache, key(1))}.${stdout.toString().trim()}`;
    const inUse = `${fileOf(cache, key(1))}.${ownTag()}`;
    for (const file of [leftBehind, inUse]) writeFileSync(file, "");
    expect(cache.summary().entries).toBe(1);
    cache.put(key(1), digest(1));
    expect([leftBehind, inUse].map((file) => existsSync(file))).toEqual([false, true]);
  });

  test("takes an entry that is a folder, or a link to nowhere, for none", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    mkdirSync(fileOf(cache, key(1)), { recursive: true });
    mkdirSync(path.dirname(fileOf(cache, key(2))), { recursive: true });
    symlinkSync("nowhere", fileOf(cache, key(2)));
    for (const n of [1, 2]) expect(cache.get(key(n))).toBeUndefined();
    cache.put(key(1), digest(1));
    cache.put(key(2), digest(2));
    expect(cache.get(key(2))).toEqual(digest(2));
  });

  test("keeps a bounded number of entries, the latest", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    const sameFolder = (n: number): string => `ab${hashOf(n).slice(2)}`;
    for (let n = 0; n < 200; n++) {
      cache.put(sameFolder(n), digest(n));
      utimesSync(fileOf(cache, sameFolder(n)), 1000 + n, 1000 + n);
    }
    const { entries } = cache.summary();
    expect(entries).toBeLessThanOrEqual(64);
    expect(entries).toBeGreaterThan(32);
    expect(cache.get(sameFolder(199))).toEqual(digest(199));
    expect(cache.get(sameFolder(0))).toBeUndefined();
  });

  test("sums up its entries and their bytes, and clears them and nothing else", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.path);
    expect(cache.summary()).toEqual({ path: folder.path, entries: 0, compressed: 0, size: 0 });
    for (let n = 0; n < 10; n++) cache.put(key(n), digest(n));
    const size = Array.from({ length: 10 }, (_, n) => statSync(fileOf(cache, key(n))).size).reduce(
      (a, b) => a + b,
    );
    expect(cache.summary()).toEqual({ path: folder.path, entries: 10, compressed: 0, size });
    writeFileSync(folder.join("mine"), "");
    cache.clear();
    cache.clear();
    expect(cache.summary().entries).toBe(0);
    expect(existsSync(folder.join("mine"))).toBe(true);
  });

  test("is no reason to fail where it cannot be written", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "");
    for (const place of [folder.join("file"), folder.join("file/below")]) {
      const cache = new DigestCache(place);
      expect(() => cache.put(key(1), digest(1))).not.toThrow();
      expect(cache.get(key(1))).toBeUndefined();
      expect(() => cache.remove(key(1))).not.toThrow();
      expect(cache.summary()).toEqual({ path: place, entries: 0, compressed: 0, size: 0 });
      expect(() => cache.clear()).not.toThrow();
    }
  });

  testWith(
    ["root"],
    "is no reason to fail for a user who may not write there, or not even look",
    async () => {
      await using folder = await temporaryFolder();
      mkdirSync(folder.join("cache"));
      const module = pathToFileURL(path.join(projectRoot, "dist/image/digestCache.js")).href;
      const script = `
      import { DigestCache } from ${JSON.stringify(module)};
      const cache = new DigestCache(process.argv[1]);
      cache.put(${JSON.stringify(key(1))}, ${JSON.stringify(digest(1))});
      console.log(cache.get(${JSON.stringify(key(1))}), cache.summary().entries);
      cache.remove(${JSON.stringify(key(1))});
    `;
      for (const mode of [0o755, 0o700]) {
        chmodSync(folder.join("cache"), mode);
        const args = ["--input-type=module", "-e", script, folder.join("cache")];
        const { stdout } = await mustRun(process.execPath, args, { uid: 65534, gid: 65534 });
        expect(stdout.toString()).toBe("undefined 0\n");
      }
    },
  );

  test("is used by many processes at once without harm", async () => {
    await using folder = await temporaryFolder();
    const module = pathToFileURL(path.join(projectRoot, "dist/image/digestCache.js")).href;
    // All write the same few entries and read them again; an entry that is there must be whole.
    const script = `
      import { DigestCache } from ${JSON.stringify(module)};
      const cache = new DigestCache(process.argv[1]);
      let wrong = 0;
      for (let i = 0; i < 2000; i++) {
        const n = i % 100;
        const key = "ab" + String(n).padStart(62, "0");
        cache.put(key, { diffId: "sha256:" + String(n).padStart(64, "0"), size: n });
        const got = cache.get(key);
        if (got && (got.size !== n || Number(got.diffId.slice(7)) !== n)) wrong++;
        if (i % 50 === 0) cache.summary();
      }
      console.log(wrong);
    `;
    const all = await Promise.all(
      Array.from({ length: 4 }, () =>
        mustRun(process.execPath, ["--input-type=module", "-e", script, folder.path]),
      ),
    );
    expect(all.map(({ stdout, stderr }) => stdout.toString() + stderr)).toEqual(all.map(() => "0\n"));
    const left = readdirSync(folder.join("digests/ab"));
    expect(left.filter((name) => !/^\d{62}$/.test(name))).toEqual([]);
  });
});

describe("the cache's place", () => {
  test("is LAMINIX_CACHE_DIR, else laminix in XDG_CACHE_HOME, else in ~/.cache", () => {
    expect(defaultCacheDir({ LAMINIX_CACHE_DIR: "/a", XDG_CACHE_HOME: "/b" })).toBe("/a");
    expect(defaultCacheDir({ XDG_CACHE_HOME: "/b" })).toBe("/b/laminix");
    // The XDG base directory specification has relative paths ignored.
    expect(defaultCacheDir({ XDG_CACHE_HOME: "b" })).toMatch(/^\/.*\/\.cache\/laminix$/);
    expect(defaultCacheDir({ LAMINIX_CACHE_DIR: "", XDG_CACHE_HOME: "" })).toMatch(
      /^\/.*\/\.cache\/laminix$/,
    );
  });
});
