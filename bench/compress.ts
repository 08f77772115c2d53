/** Compressing on all cores, beside `pigz` and `zstd` with as many threads, over the tar of a large closure's files. */
import { closeSync, openSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { stat } from "node:fs/promises";
import { debianClosure, largePackages } from "../test/support/debianStore.js";
import { mustRun } from "../test/support/run.js";
import { temporaryFolder } from "../test/support/temporary.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

const BYTES = 300_000_000;
const program = path.join(import.meta.dirname, "support/compressFile.js");
const jobs = String(availableParallelism());

const commands: Readonly<Record<string, readonly string[]>> = {
  "pigz -6": ["pigz", "-6nTc", "-p", jobs],
  "laminix, gz": [process.execPath, program, "gz", jobs],
  "zstd -3": ["zstd", "-3qc", `-T${jobs}`],
  "laminix, zstd": [process.execPath, program, "zstd", jobs],
};

export async function compress(): Promise<string> {
  const { storeDir } = await debianClosure(largePackages);
  await using folder = await temporaryFolder("bench");
  const file = folder.join("plain");
  await mustRun("sh", ["-c", `tar -C "$1" -cf - . | head -c ${String(BYTES)} >"$2"`, "sh", storeDir, file]);
  const candidates = Object.entries(commands).map(
    ([name, command]) => [name, () => onFile(command, file)] as const,
  );
  const results = await compare(Object.fromEntries(candidates), { rounds: 3 });

  const rows = [];
  for (const [name, result] of Object.entries(results)) {
    const peer = results[name.endsWith("gz") || name.startsWith("pigz") ? "pigz -6" : "zstd -3"];
    const size = await sizeOf(commands[name] ?? [], file, folder.join("packed"));
    const [cost] = result.samples;
    rows.push([
      name,
      seconds(result.seconds),
      ratio(result.seconds / (peer?.seconds ?? 0)),
      seconds(cost?.cpuSeconds ?? 0),
      mebibytes(size),
      mebibytes(result.peakBytes),
    ]);
  }
  const head = [
    `compressing ${mebibytes(BYTES)}, ${jobs} threads`,
    "time",
    "of the program's",
    "CPU",
    "size",
    "peak memory",
  ];
  return table(head, rows);
}

async function onFile(command: readonly string[], file: string): ReturnType<typeof measure> {
  const input = openSync(file, "r");
  try {
    return await measure([...command], { input });
  } finally {
    closeSync(input);
  }
}

async function sizeOf(command: readonly string[], file: string, packed: string): Promise<number> {
  await mustRun("sh", [
    "-c",
    'in=$1; out=$2; shift 2; exec "$@" <"$in" >"$out"',
    "sh",
    file,
    packed,
    ...command,
  ]);
  return (await stat(packed)).size;
}
