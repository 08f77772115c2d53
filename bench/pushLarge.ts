/** The memory of a push of four layers of 2 GB, half of which can be compressed. It takes 13 GB of the disk. */
import { randomFillSync } from "node:crypto";
import { open } from "node:fs/promises";
import path from "node:path";
import { startImageRegistry } from "../test/support/imageRegistry.js";
import { startNixStore } from "../test/support/nixStore.js";
import { projectRoot } from "../test/support/run.js";
import { temporaryFolder } from "../test/support/temporary.js";
import { measure } from "./support/measure.js";
import { mebibytes, seconds, table } from "./support/table.js";

const LAYERS = 4;
const LAYER = 2_000_000_000;
/** The fastest, for memory does not depend on it. */
const LEVEL = "1";

export async function pushLarge(): Promise<string> {
  await using folder = await temporaryFolder("bench");
  await using store = await startNixStore();
  await using registry = await startImageRegistry({ plain: true });
  const paths: string[] = [];
  for (let i = 1; i <= LAYERS; i++) paths.push(await store.addTree(`large-${String(i)}`, writeFile));
  const command = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js"), "push"];
  const how = ["--layer-compression-level", LEVEL, "--store", store.uri, "--quiet"];
  const cost = await measure([...command, ...paths, `${registry.host}/bench:1`, ...how], {
    env: { LAMINIX_CACHE_DIR: folder.join("cache") },
  });
  return table(
    [`push of ${String(LAYERS)} layers of ${mebibytes(LAYER)}`, "time", "CPU", "peak memory"],
    [["laminix push", seconds(cost.seconds), seconds(cost.cpuSeconds), mebibytes(cost.peakBytes)]],
  );
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
