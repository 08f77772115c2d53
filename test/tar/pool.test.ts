import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
// Threads are started from compiled files.
import type { LayerTar } from "../../dist/tar/layerTar.js";
import { TarPool } from "../../dist/tar/pool.js";
import { readLayerTar } from "../../dist/tar/read.js";
import { Random } from "../support/random.js";
import { projectRoot, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "./oddTree.js";

const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };

function layer(folder: TemporaryFolder, name: string): LayerTar {
  return {
    parents: ["/store/"],
    trees: [{ disk: folder.join(name), name: `/store/${name}` }],
    owner,
    mtime: 1,
  };
}

/** Twenty trees of different sizes, one of them with odd names. */
async function layers(folder: TemporaryFolder): Promise<LayerTar[]> {
  const random = new Random(8);
  writeOddTree(folder.join("odd"));
  const names = Array.from({ length: 20 }, (_, i) => `tree${i}`);
  for (const name of names) {
    mkdirSync(folder.join(name));
    for (let i = random.below(8); i >= 0; i--)
      writeFileSync(folder.join(name, `file${i}`), Buffer.alloc(random.below(1 << 20), random.bytes(100)));
  }
  return ["odd", ...names].map((name) => layer(folder, name));
}

async function digestOf(tar: LayerTar): Promise<{ sha256: string; size: number; fingerprint: number }> {
  const hash = createHash("sha256");
  let end = { size: -1, fingerprint: -1 };
  for await (const piece of readLayerTar(tar, { onEnd: (summary) => (end = summary) })) hash.update(piece);
  return { sha256: hash.digest("hex"), ...end };
}

describe("a pool of threads", () => {
  for (const jobs of [1, 2, 8]) {
    test(`with ${jobs} of them finds the digest and size of what is read`, async () => {
      await using folder = await temporaryFolder();
      const tars = await layers(folder);
      const pool = new TarPool(jobs);
      const found = await Promise.all(tars.map((tar) => pool.hash(tar)));
      for (const [i, tar] of tars.entries()) expect(found[i]).toEqual(await digestOf(tar));
    });
  }

  test("rejects with the signal's reason, and hashes what comes after", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("tree"));
    writeFileSync(folder.join("tree/file"), Buffer.alloc(200 << 20));
    writeFileSync(folder.join("small"), "small");
    const pool = new TarPool(1);
    const controller = new AbortController();
    const reason = new Error("enough");
    const hashing = [pool.hash(layer(folder, "tree"), { signal: controller.signal })];
    // More than a thread is given in advance: these are still waiting.
    for (let i = 0; i < 20; i++)
      hashing.push(pool.hash(layer(folder, "tree"), { signal: controller.signal }));
    const settled = Promise.allSettled(hashing);
    const after = pool.hash(layer(folder, "small"));
    controller.abort(reason);
    for (const each of await settled) expect(each).toEqual({ status: "rejected", reason });
    expect(await after).toEqual(await digestOf(layer(folder, "small")));
  });

  test("rejects at once when the signal has aborted before", async () => {
    await using folder = await temporaryFolder();
    const reason = new Error("never");
    await expect(
      new TarPool(1).hash(layer(folder, "any"), { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test("hands on an error with its code, its path and its hint, and hashes what comes after", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "text");
    const pool = new TarPool(1);
    const failing = pool.hash(layer(folder, "absent"));
    const after = pool.hash(layer(folder, "file"));
    await expect(failing).rejects.toMatchObject({
      name: "LaminixError",
      code: "ERR_FILE_CHANGED",
      details: { path: folder.join("absent") },
      hint: expect.any(String),
    });
    expect((await after).size).toBe(10240);
  });

  test("gives nothing to a thread that ends for want of work", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "text");
    const pool = new TarPool(1);
    await pool.hash(layer(folder, "file"));
    // It is kept for half a second.
    for (let delay = 494; delay < 508; delay++) {
      await sleep(delay);
      expect((await pool.hash(layer(folder, "file"))).size).toBe(10240);
    }
  });

  test("does not keep a process that has no more to do", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "text");
    const module = pathToFileURL(path.join(projectRoot, "dist/tar/pool.js")).href;
    const script = `
      import { TarPool } from ${JSON.stringify(module)};
      const pool = new TarPool(4);
      const tar = ${JSON.stringify(layer(folder, "file"))};
      const found = await Promise.all(Array.from({ length: 10 }, () => pool.hash(tar)));
      console.log(new Set(found.map(({ sha256 }) => sha256)).size);
    `;
    const result = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 });
    expect(result).toMatchObject({ code: 0, signal: null, timedOut: false, stderr: "" });
    expect(result.stdout.toString()).toBe("1\n");
  });
});
