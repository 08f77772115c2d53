/** Hashing every layer, beside `openssl dgst -sha256` over the same bytes in one file; process start included. */
import { createWriteStream } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { streamConf } from "laminix";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

export function hashing(): Promise<string> {
  return withLargeImage(measureHashing);
}

async function measureHashing(image: LargeImage): Promise<string> {
  const archive = path.join(image.folder, "image.tar");
  await pipeline(copied(streamConf(image.conf, { cache: false })), createWriteStream(archive));
  const program = path.join(import.meta.dirname, "support/hashLayers.js");
  const results = await compare({
    "openssl dgst -sha256": () => measure(["openssl", "dgst", "-sha256", archive]),
    "laminix, every layer": () => measure([process.execPath, program, image.conf]),
  });
  const peer = results["openssl dgst -sha256"]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(result.seconds / peer),
    mebibytes(result.peakBytes),
  ]);
  return table(["hashing 1.2 GB of layers", "time", "of openssl", "peak memory"], rows);
}

async function* copied(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
