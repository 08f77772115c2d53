/** `node compressFile.js COMPRESSOR JOBS`: standard input compressed to standard output. */
import { readSync, writeSync } from "node:fs";
import { compress } from "../../dist/compress/compress.js";

const [compressor, jobs] = process.argv.slice(2);
const buffer = Buffer.alloc(1 << 19);

async function* input() {
  for (;;) {
    const length = readSync(0, buffer);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

for await (const piece of compress(input(), compressor, { jobs: Number(jobs) })) {
  for (let done = 0; done < piece.length;) done += writeSync(1, piece, done);
}
