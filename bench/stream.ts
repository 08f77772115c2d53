/** `laminix stream-conf` beside Python's `tarfile`, which reads every byte twice; process start included. */
import path from "node:path";
import { rm } from "node:fs/promises";
import { projectRoot } from "../test/support/run.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

export function stream(): Promise<string> {
  return withLargeImage(measureStream);
}

async function measureStream(image: LargeImage): Promise<string> {
  const cache = path.join(image.folder, "cache");
  const env = { LAMINIX_CACHE_DIR: cache };
  const command = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js")];
  const laminix = [...command, "stream-conf", image.conf, "--store", image.store, "--quiet"];
  const python = ["python3", path.join(projectRoot, "test/support/reference_stream.py"), image.conf];
  const results = await compare({
    "Python's tarfile": () => measure(python),
    "laminix, cold cache": async () => {
      await rm(cache, { recursive: true, force: true });
      return measure(laminix, { env });
    },
    "laminix, warm cache": () => measure(laminix, { env }),
  });
  const peer = results["Python's tarfile"]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(peer / result.seconds),
    mebibytes(result.peakBytes),
  ]);
  return table([`stream-conf of ${String(image.paths)} store paths`, "time", "faster", "peak memory"], rows);
}
