/** Compressing on all cores, beside `pigz` and `zstd` with as many threads, over the tar of a large closure's files. */
import { closeSync, openSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { stat } from "node:fs/promises";
import { debianClosure, largePackages } from "../test/support/debianStore.js";
import { mustRun } from "../test/support/run.js";
import { temporaryFolder } from "../test/support/temporary.js";
import { compare, measure } from "./support/measure.js";
import { measuredNodes } from "./support/nodes.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

const BYTES = 300_000_000;
const program = path.join(import.meta.dirname, "support/compressFile.js");
const jobs = String(availableParallelism());

interface Candidate {
  readonly name: string;
  readonly peer: string;
  readonly command: readonly string[];
}

async function candidates(): Promise<Candidate[]> {
  const ours: Candidate[] = [];
  for (const { file: node, version } of await measuredNodes()) {
    for (const threads of [jobs, "8"]) {
      const how = `Node ${version}, ${threads} threads`;
      for (const [compressor, peer] of Object.entries({ gz: "pigz -6", zstd: "zstd -3" }))
        ours.push({ name: `${compressor}, ${how}`, peer, command: [node, program, compressor, threads] });
    }
  }
  return [
    { name: "pigz -6", peer: "pigz -6", command: ["pigz", "-6nTc", "-p", jobs] },
    { name: "zstd -3", peer: "zstd -3", command: ["zstd", "-3qc", `-T${jobs}`] },
    ...ours,
  ];
}

export async function compress(): Promise<string> {
  const { storeDir } = await debianClosure(largePackages);
  await using folder = await temporaryFolder("bench");
  const file = folder.join("plain");
  await mustRun("sh", ["-c", `tar -C "$1" -cf - . | head -c ${String(BYTES)} >"$2"`, "sh", storeDir, file]);
  const all = await candidates();
  const works = all.map(({ name, command }) => [name, () => onFile(command, file)] as const);
  const results = await compare(Object.fromEntries(works), { rounds: 3 });

  const rows = [];
  for (const { name, peer, command } of all) {
    const [own, its] = [results[name], results[peer]];
    if (!own || !its) continue;
    const size = await sizeOf(command, file, folder.join("packed"));
    rows.push([
      name,
      seconds(own.seconds),
      ratio(own.seconds / its.seconds),
      seconds(cpuOf(own.samples)),
      ratio(cpuOf(own.samples) / cpuOf(its.samples)),
      mebibytes(size),
      mebibytes(own.peakBytes),
    ]);
  }
  const head = [
    `compressing ${mebibytes(BYTES)}, the programs with ${jobs} threads`,
    "time",
    "of the program's",
    "CPU",
    "of the program's",
    "size",
    "peak memory",
  ];
  return table(head, rows);
}

/** The least: what else the machine does only adds to it. */
function cpuOf(samples: readonly { readonly cpuSeconds: number }[]): number {
  return Math.min(...samples.map(({ cpuSeconds }) => cpuSeconds));
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
