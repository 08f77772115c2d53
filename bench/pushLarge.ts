/**
 * The memory of first pushes, by compression and threads: of an image of many store paths, and of four layers of 2 GB, half
 * of which can be compressed. It takes 13 GB of the disk.
 */
import { randomFillSync } from "node:crypto";
import { open, rm } from "node:fs/promises";
import path from "node:path";
import { startImageRegistry } from "../test/support/imageRegistry.js";
import { startNixStore } from "../test/support/nixStore.js";
import { projectRoot } from "../test/support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../test/support/temporary.js";
import { withLargeImage } from "./support/largeImage.js";
import { type Cost, measure } from "./support/measure.js";
import { mebibytes, seconds, table } from "./support/table.js";

const LAYERS = 4;
const LAYER = 2_000_000_000;
const COMPRESSIONS = ["gz", "zstd"];
const THREADS = [2, 8];
/** The fastest, for memory hardly depends on it. */
const LEVEL = "1";

interface Pushed {
  readonly store: string;
  readonly paths: readonly string[];
}

export async function pushLarge(): Promise<string> {
  await using folder = await temporaryFolder("bench");
  const many = await withLargeImage(({ store, roots, paths }) =>
    rows(folder, `${String(paths)} store paths`, { store, paths: roots }),
  );
  await using store = await startNixStore();
  const paths: string[] = [];
  for (let i = 1; i <= LAYERS; i++) paths.push(await store.addTree(`large-${String(i)}`, writeFile));
  const what = `${String(LAYERS)} layers of ${mebibytes(LAYER)}`;
  const large = await rows(folder, what, { store: store.uri, paths });
  return table(["first push", "threads", "time", "CPU", "peak memory"], [...many, ...large]);
}

async function rows(folder: TemporaryFolder, what: string, pushed: Pushed): Promise<string[][]> {
  const all = [];
  for (const compression of COMPRESSIONS) {
    for (const threads of THREADS) {
      const cost = await firstPush(folder, pushed, [
        "--layer-compression",
        compression,
        "--jobs",
        String(threads),
      ]);
      all.push([
        `${what}, ${compression}`,
        String(threads),
        seconds(cost.seconds),
        seconds(cost.cpuSeconds),
        mebibytes(cost.peakBytes),
      ]);
    }
  }
  return all;
}

async function firstPush(
  folder: TemporaryFolder,
  { store, paths }: Pushed,
  how: readonly string[],
): Promise<Cost> {
  await using registry = await startImageRegistry({ plain: true });
  await rm(folder.join("cache"), { recursive: true, force: true });
  const push = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js"), "push", ...paths];
  const common = ["--layer-compression-level", LEVEL, "--store", store, "--quiet"];
  return await measure([...push, `${registry.host}/bench:1`, ...common, ...how], {
    env: { LAMINIX_CACHE_DIR: folder.join("cache") },
  });
}

/** Random bytes, and as many in base 16. */
async function writeFile(place: string): Promise<void> {
  const random = randomFillSync(Buffer.alloc(1 << 20));
  const piece = Buffer.concat([random, Buffer.from(random.subarray(0, random.length / 2).toString("hex"))]);
  await using file = await open(place, "wx");
  for (let left = LAYER; left > 0; left -= piece.length) {
    // No two pieces are the same.
    piece.writeDoubleLE(left, 0);
    await file.write(piece, 0, Math.min(left, piece.length));
  }
}
