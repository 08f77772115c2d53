import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
// Threads are started from compiled files.
import { DigestCache } from "../../dist/image/digestCache.js";
import { StorePathLayer, type StorePathLayerOptions } from "../../dist/image/storePathLayer.js";
import { TarPool } from "../../dist/tar/pool.js";
import type { PathFiles } from "../../dist/nar/source.js";
import { fileNar, identityOf, length, nar } from "../nar/nars.js";
import { type CountedNar, narSource, narSourceOf } from "../nar/narSource.js";
import { contentsLayer, hashed } from "../support/contentsLayer.js";
import { canonicalise } from "../support/canonicalise.js";
import { bytesOf, membersOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";

const MIB = 1 << 20;
type Files = Readonly<Record<string, PathFiles>>;

/** A layer of paths in /nix/store, named by their files. */
function layerOf(files: Files, options: Partial<StorePathLayerOptions> = {}): StorePathLayer {
  return new StorePathLayer({
    paths: Object.keys(files).map((name) => `/nix/store/${name}`) as never,
    parents: ["/nix", "/nix/store"],
    owner: { uid: 0, gid: 0, uname: "root", gname: "root" },
    mtime: 1,
    locate: (path) => files[path.slice("/nix/store/".length)]!,
    narHash: () => undefined,
    pool: new TarPool(2),
    ...options,
  });
}

const tarOf = (files: Files): Promise<Buffer> => bytesOf(layerOf(files).open());
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Whether two archives are the same; where they are not, the names tell more than the bytes. */
async function expectSame(actual: Buffer, expected: Buffer): Promise<void> {
  if (actual.equals(expected)) return;
  const names = async (tar: Buffer): Promise<string[]> =>
    (await membersOf(tar)).map(({ header }) => `${header.name} ${header.mode.toString(8)} ${header.size}`);
  expect(await names(actual)).toEqual(await names(expected));
  expect.unreachable("the same entries, but other bytes");
}

/** Names that come in another order by their bytes than by their code points, and others. */
function randomName(random: Random): Buffer {
  const part = (): Buffer =>
    random.chance(0.5)
      ? Buffer.from([
          random.pick([0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0x82, 0xed, 0xee, 0xef, 0xf0, 0x9f, 0xff, 0x41]),
        ])
      : Buffer.from(random.pick(["a", "é", "߿", "日", "\ud7ff", "\ue000", "\uffff", "🎉", "-", "~"]));
  return Buffer.concat(Array.from({ length: 1 + random.below(3) }, part));
}

function writeRandomTree(random: Random, place: Buffer, depth: number): void {
  mkdirSync(place);
  const names = new Set(
    Array.from({ length: random.below(15) }, () => randomName(random).toString("latin1")),
  );
  for (const name of names) {
    const inner = Buffer.concat([place, Buffer.from("/"), Buffer.from(name, "latin1")]);
    if (depth > 0 && random.chance(0.4)) writeRandomTree(random, inner, depth - 1);
    else if (random.chance(0.2)) symlinkSync(randomName(random), inner);
    else
      writeFileSync(inner, `${name} ${"x".repeat(random.below(1000))}`, {
        mode: random.pick([0o644, 0o755]),
      });
  }
}

afterEach(() => vi.unstubAllEnvs());

describeWith(["nix-store"], "a layer of paths that are not on this disk", () => {
  /** A folder for temporary files, which has to be empty when the test is over. */
  async function ownTemporaryFiles(): Promise<TemporaryFolder> {
    const folder = await temporaryFolder("tmp");
    vi.stubEnv("TMPDIR", folder.path);
    return folder;
  }

  test("has the bytes of one whose paths are, for all that is odd in a tree, in whatever pieces NARs come", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("odd"));
    canonicalise(folder.join("odd"));
    const expected = await tarOf({ odd: { disk: folder.join("odd") } });
    await using temporary = await ownTemporaryFiles();
    for (const pieces of [13, 512, 32_768, 100_000, Infinity]) {
      await expectSame(await tarOf({ odd: await narSourceOf(folder.join("odd"), pieces) }), expected);
      expect(readdirSync(temporary.path)).toEqual([]);
    }
  });

  test("has them for a path that is a file, a program, a link or an empty folder", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "x".repeat(513));
    writeFileSync(folder.join("program"), "", { mode: 0o755 });
    symlinkSync("/else/where", folder.join("link"));
    mkdirSync(folder.join("folder"));
    for (const name of ["file", "program", "link", "folder"]) {
      canonicalise(folder.join(name));
      const expected = await tarOf({ [name]: { disk: folder.join(name) } });
      await expectSame(await tarOf({ [name]: await narSourceOf(folder.join(name)) }), expected);
    }
  });

  test("has them for random trees whose names are in another order in the NAR", async () => {
    const random = new Random(41);
    for (let round = 0; round < 25; round++) {
      await using folder = await temporaryFolder();
      writeRandomTree(random, Buffer.from(folder.join("tree")), 3);
      canonicalise(folder.join("tree"));
      const expected = await tarOf({ tree: { disk: folder.join("tree") } });
      const source = await narSourceOf(folder.join("tree"), 1 + random.below(5000));
      await expectSame(await tarOf({ tree: source }), expected);
    }
  });

  test("has them where some paths are on this disk and some are not", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("odd"));
    mkdirSync(folder.join("large"));
    writeFileSync(folder.join("large/file"), Buffer.alloc(5 * MIB + 77, "content"));
    writeFileSync(folder.join("small"), "text");
    const names = ["small", "odd", "large"];
    for (const name of names) canonicalise(folder.join(name));
    const disk = (name: string): PathFiles => ({ disk: folder.join(name) });
    const expected = layerOf(Object.fromEntries(names.map((name) => [name, disk(name)])));
    const { diffId, size } = await expected.diffId();
    for (let chosen = 1; chosen < 8; chosen++) {
      const files: Record<string, PathFiles> = {};
      for (const [i, name] of names.entries()) {
        files[name] = chosen & (1 << i) ? await narSourceOf(folder.join(name)) : disk(name);
      }
      const layer = layerOf(files);
      expect(await layer.diffId({ thenRead: true })).toEqual({ diffId, size });
      const bytes = await bytesOf(layer.open());
      expect([digestOf(bytes), bytes.length]).toEqual([diffId, size]);
    }
  });

  test("has the key of one whose paths are, and with a cache that knows it reads each NAR once", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("odd"));
    canonicalise(folder.join("odd"));
    const source = await narSourceOf(folder.join("odd"));
    const cache = new DigestCache(folder.join("cache"));
    const narHash = (): string => source.narHash;
    const onDisk = layerOf({ odd: { disk: folder.join("odd") } }, { cache, narHash });
    const cold = layerOf({ odd: source }, { cache, narHash });
    expect(cold.source.contentKey).toBe(onDisk.source.contentKey);
    expect(source.opened).toBe(0);
    const digest = await cold.diffId();
    await bytesOf(cold.open());
    expect(source.opened).toBe(2);
    expect(await onDisk.diffId()).toEqual(digest);
    const warm = layerOf({ odd: source }, { cache, narHash });
    expect(await warm.diffId()).toEqual(digest);
    expect(digestOf(await bytesOf(warm.open()))).toBe(digest.diffId);
    expect([source.opened, source.open]).toEqual([3, 0]);
  });
});

describe("a layer of NARs", () => {
  const bytes = fileNar("some text ".repeat(10_000));
  const lies: Readonly<Record<string, [CountedNar, string]>> = {
    "has another hash than it says": [
      narSource(bytes, { identity: { ...identityOf(bytes), narHash: identityOf(fileNar("")).narHash } }),
      "ERR_NAR_HASH",
    ],
    "is longer than it says": [
      narSource(bytes, { identity: { ...identityOf(bytes), narSize: bytes.length - 8 } }),
      "ERR_NAR_HASH",
    ],
    "is shorter than it says": [
      narSource(bytes, { identity: { ...identityOf(bytes), narSize: bytes.length + 8 } }),
      "ERR_NAR_HASH",
    ],
    "ends early, though as long as it says": [narSource(bytes.subarray(0, -16)), "ERR_NAR"],
    "is none": [narSource(Buffer.from("#!/bin/sh\n")), "ERR_NAR"],
    "is empty": [narSource(Buffer.alloc(0)), "ERR_NAR"],
    "goes on after its end": [narSource(Buffer.concat([bytes, Buffer.alloc(8)])), "ERR_NAR"],
    "has a file that is longer than it says": [
      narSource(
        nar("nix-archive-1", "(", "type", "regular", "contents", length(2 ** 40), Buffer.alloc(50_000)),
      ),
      "ERR_NAR",
    ],
  };
  for (const [what, [source, code]] of Object.entries(lies)) {
    test(`is neither hashed nor read to its end if one ${what}`, async () => {
      const layer = layerOf({ path: source });
      await expect(layer.diffId()).rejects.toMatchObject({ code, details: { path: "/nix/store/path" } });
      await expect(bytesOf(layer.open())).rejects.toMatchObject({ code });
      expect(source.open).toBe(0);
    });
  }

  test("is not remembered if one is not what it should be", async () => {
    await using folder = await temporaryFolder();
    const cache = new DigestCache(folder.join("cache"));
    const source = narSource(bytes, { identity: { ...identityOf(bytes), narSize: bytes.length + 8 } });
    const layer = layerOf({ path: source }, { narHash: () => source.narHash, cache });
    await expect(layer.diffId()).rejects.toMatchObject({ code: "ERR_NAR_HASH" });
    expect(cache.get(layer.source.contentKey!)).toBeUndefined();
  });

  test("is not begun if a source's hash is not the closure's", async () => {
    const source = narSource(bytes);
    const layer = layerOf({ path: source }, { narHash: () => identityOf(fileNar("")).narHash });
    await expect(layer.diffId()).rejects.toMatchObject({
      code: "ERR_NAR_HASH",
      details: { path: "/nix/store/path", actualHash: source.narHash },
    });
    expect(source.opened).toBe(0);
  });

  test("is not read to its end if a source gives another NAR the second time", async () => {
    const files: Record<string, PathFiles> = { path: narSource(fileNar("one")) };
    const layer = layerOf(files);
    await layer.diffId();
    files.path = narSource(fileNar("two"));
    await expect(bytesOf(layer.open())).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
  });

  test("passes on what a source fails with", async () => {
    const failure = new Error("no network");
    const source: PathFiles = {
      ...identityOf(bytes),
      async *nar() {
        yield bytes.subarray(0, 100);
        throw failure;
      },
    };
    await expect(layerOf({ path: source }).diffId()).rejects.toBe(failure);
    await expect(layerOf({ path: source }, { locate: () => Promise.reject(failure) }).diffId()).rejects.toBe(
      failure,
    );
  });

  test("is stopped in the middle of a NAR, hashed or read, and lets the source go", async () => {
    const reason = new Error("enough");
    for (const use of ["diffId", "open"] as const) {
      const controller = new AbortController();
      const { signal } = controller;
      let given: AbortSignal | undefined;
      let released = false;
      const source: PathFiles = {
        ...identityOf(bytes),
        async *nar(options) {
          given = options?.signal;
          try {
            yield bytes.subarray(0, 1000);
            controller.abort(reason);
            yield bytes.subarray(1000);
          } finally {
            released = true;
          }
        },
      };
      const layer = layerOf({ path: source });
      await expect(use === "open" ? bytesOf(layer.open({ signal })) : layer.diffId({ signal })).rejects.toBe(
        reason,
      );
      await nextTurn();
      expect([given, released]).toEqual([signal, true]);
    }
  });

  test("can be hashed again after that was stopped", async () => {
    const reason = new Error("enough");
    const layer = layerOf({ path: narSource(bytes) });
    await expect(layer.diffId({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(digestOf(await bytesOf(layer.open()))).toBe((await layer.diffId()).diffId);
  });

  test("waits for others, so that not all sources are read at once, and they come in their order", async () => {
    const pool = new TarPool(2);
    const sources = Array.from({ length: 20 }, (_, i) =>
      narSource(fileNar(`${i}`.repeat(50_000)), { pieces: 1000 }),
    );
    const reading = (): number => sources.reduce((sum, { open }) => sum + open, 0);
    const layers = sources.map((source) => layerOf({ path: source }, { pool }));
    let most = 0;
    const ended: number[] = [];
    const hashing = layers.map((layer, i) =>
      layer.diffId().then(() => ((most = Math.max(most, reading())), ended.push(i))),
    );
    await Promise.all(hashing);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    expect(ended.indexOf(0)).toBeLessThan(4);
    expect(ended.indexOf(19)).toBeGreaterThanOrEqual(16);
  });

  test("fails, with a hint, where a temporary file is needed and cannot be written", async () => {
    vi.stubEnv("TMPDIR", "/no/such/folder");
    const held = nar("entry", "(", "name", "\xff", "node", "(", "type", "regular", "contents", "x", ")", ")");
    const source = narSource(nar("nix-archive-1", "(", "type", "directory", held, ")"));
    await expect(bytesOf(layerOf({ path: source }).open())).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      hint: expect.stringContaining("TMPDIR"),
    });
    vi.unstubAllEnvs();
    expect(await bytesOf(layerOf({ path: source }).open())).toHaveLength(10240);
  });
});

describeWith(["nix-store"], "the layer of links to contents that are not on this disk", () => {
  async function contentsTar(files: Files, conflicts: string[] = []): Promise<Buffer> {
    const layer = contentsLayer({
      contents: Object.keys(files).map((name) => `/nix/store/${hashed(name)}`),
      locate: (path) => files[path.slice(hashed("/nix/store/").length)]!,
      onConflict: (path, kept) => conflicts.push(`${path} ${kept}`),
    });
    const { diffId } = await layer.diffId();
    const bytes = await bytesOf(layer.open());
    expect(digestOf(bytes)).toBe(diffId);
    return bytes;
  }

  test("has the bytes and the conflicts of one whose contents are", async () => {
    const random = new Random(42);
    for (let round = 0; round < 10; round++) {
      await using folder = await temporaryFolder();
      const disk: Record<string, PathFiles> = {};
      const elsewhere: Record<string, PathFiles> = {};
      for (const name of ["one", "two", "three"]) {
        if (round === 0) writeOddTree(folder.join(name));
        else writeRandomTree(random, Buffer.from(folder.join(name)), 2);
        disk[name] = { disk: folder.join(name) };
        elsewhere[name] = name === "two" ? disk[name] : await narSourceOf(folder.join(name), 100);
      }
      const [conflicts, others]: [string[], string[]] = [[], []];
      const expected = await contentsTar(disk, conflicts);
      await expectSame(await contentsTar(elsewhere, others), expected);
      expect(others.toSorted()).toEqual(conflicts.toSorted());
    }
  });

  test("has no place for a file, and refuses a link that leads out of the store", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "text");
    symlinkSync("file", folder.join("link"));
    const empty = await contentsTar({});
    await expectSame(await contentsTar({ file: await narSourceOf(folder.join("file")) }), empty);
    await expect(contentsTar({ link: await narSourceOf(folder.join("link")) })).rejects.toMatchObject({
      code: "ERR_FILE_TYPE",
      hint: expect.any(String),
    });
  });

  test("refuses a NAR that is not what it says", async () => {
    const bytes = fileNar("x");
    const lying = narSource(bytes, { identity: { ...identityOf(bytes), narSize: 8 } });
    await expect(contentsTar({ lying })).rejects.toMatchObject({ code: "ERR_NAR_HASH" });
  });
});
