/** `laminix export` of a large image, which is read and written once, beside GNU tar that unpacks the same layers. */
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { streamConf } from "laminix";
import { mustRun, projectRoot } from "../test/support/run.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

export function exporting(): Promise<string> {
  return withLargeImage(measureExport);
}

/** The layers' names stand in a file, for they are in the order of the manifest. */
const UNPACK = 'while read -r layer; do tar -xf "$layer" -C "$0" 2>/dev/null; done <layers';

async function measureExport({ folder, conf, paths }: LargeImage): Promise<string> {
  const archive = path.join(folder, "image.tar");
  const layers = path.join(folder, "layers");
  const root = path.join(folder, "root");
  await pipeline(copies(streamConf(conf)), createWriteStream(archive));
  await mkdir(layers);
  await mustRun("tar", ["-xf", archive, "-C", layers]);
  const names = `import json; print(*json.load(open("manifest.json"))[0]["Layers"], sep="\\n", file=open("layers", "w"))`;
  await mustRun("python3", ["-c", names], { cwd: layers });
  const laminix = [
    process.execPath,
    path.join(projectRoot, "dist/bundled/laminix.js"),
    "export",
    archive,
    "--quiet",
  ];
  const results = await compare({
    "tar, unpacking": async () => {
      await rm(root, { recursive: true, force: true });
      await mkdir(root);
      return measure(["bash", "-c", UNPACK, root], { cwd: layers });
    },
    "laminix export": async () => {
      await rm(`${root}.tar`, { force: true });
      return measure([...laminix, "-o", `${root}.tar`]);
    },
  });
  const peer = results["tar, unpacking"]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(result.seconds / peer),
    mebibytes(result.peakBytes),
  ]);
  return table([`root of ${String(paths)} store paths`, "time", "of tar's", "peak memory"], rows);
}

async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
