/** `runAsRoot`: a script that does next to nothing, over nothing and over a large base; the image written each time. */
import path from "node:path";
import { writeFile } from "node:fs/promises";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { streamConf } from "laminix";
import { projectRoot } from "../test/support/run.js";
import { vmKernelPath } from "../test/support/vm.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

export function vm(): Promise<string> {
  return withLargeImage(measureScripts);
}

async function measureScripts({ folder, conf, store }: LargeImage): Promise<string> {
  const base = path.join(folder, "base.tar");
  await pipeline(copies(streamConf(conf)), createWriteStream(base));
  const build = async (name: string, isolation: string, spec: object): Promise<string[]> => {
    const file = path.join(folder, `${name}.json`);
    await writeFile(
      file,
      JSON.stringify({ name, compressor: "none", runAsRoot: "echo made > /made", ...spec }),
    );
    const command = [
      process.execPath,
      path.join(projectRoot, "dist/bundled/laminix.js"),
      "build-image",
      "--quiet",
    ];
    const output = path.join(folder, `${name}.tar`);
    const machine = ["--acceleration", "tcg", "--kernel", vmKernelPath(), "--isolation", isolation];
    return [...command, "--store", store, ...machine, "--output", output, file];
  };
  const large = { fromImage: base };
  const without = { runAsRoot: null };
  const commands: Readonly<Record<string, string[]>> = {
    "no script": await build("none", "machine", without),
    "a machine": await build("machine", "machine", {}),
    namespaces: await build("namespace", "namespace", {}),
    "no script, over a gigabyte": await build("none-large", "machine", { ...large, ...without }),
    "a machine, over a gigabyte": await build("machine-large", "machine", large),
    "namespaces, over a gigabyte": await build("namespace-large", "namespace", large),
  };
  const results = await compare(
    Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, () => measure(command)])),
    { rounds: 3 },
  );
  const rows = Object.entries(results).map(([name, result]) => {
    const peer =
      results[name.includes("gigabyte") ? "no script, over a gigabyte" : "no script"]?.seconds ?? 0;
    return [name, seconds(result.seconds), ratio(result.seconds / peer), mebibytes(result.peakBytes)];
  });
  return table(["runAsRoot, the processor emulated", "time", "of none's", "peak memory"], rows);
}

async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
