/**
 * Questions to a closure of 100,000 paths, each asked of a fresh one: the least time of three, and the memory that stays
 * in use after it.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Closure, diffClosures, type StorePath } from "../dist/index.js";
import { fromNative } from "../dist/store/columns.js";
import type { NativeClosure } from "../dist/store/native.js";
import type { SyntheticPath } from "../test/support/nixStore.js";
import { clock } from "./support/measure.js";
import { randomGraph } from "./support/randomGraph.js";
import { mebibytes, seconds, table } from "./support/table.js";

const PATHS = 100_000;
const STORE_DIR = "/nix/store";

interface Ends {
  readonly first: StorePath;
  readonly last: StorePath;
}

const questions: Readonly<Record<string, (closure: Closure, ends: Ends) => unknown>> = {
  "get, the first time": (closure, { last }) => closure.get(last),
  paths: (closure) => closure.paths,
  referrers: (closure, { first }) => closure.referrers(first),
  whyDepends: (closure, { first, last }) => closure.whyDepends(last, first),
  whyDependsAll: (closure, { first, last }) => closure.whyDependsAll(last, first),
  closureSizes: (closure) => closure.closureSizes,
  addedSizes: (closure) => closure.addedSizes,
  duplicates: (closure) => closure.duplicates(),
  "tree, to its end": (closure, { last }) => {
    let nodes = 0;
    for (const { depth } of closure.tree(last)) nodes += depth > 0 ? 1 : 0;
    return nodes;
  },
  "diffClosures with itself": (closure) => diffClosures(closure, closure),
};

export async function graph(): Promise<string> {
  const before = await bytesInUse();
  const native = columnsOf(randomGraph(STORE_DIR, PATHS));
  const closure = new Closure(fromNative(native, STORE_DIR));
  const rows = [["the closure alone", "", mebibytes((await bytesInUse()) - before)]];
  const ends = endsOf(native);
  for (const [name, question] of Object.entries(questions)) {
    const times: number[] = [];
    let growth = 0;
    for (let round = 0; round < 3; round++) {
      const start = await bytesInUse();
      const fresh = new Closure(fromNative(native, STORE_DIR));
      let answer: unknown;
      const { seconds: time } = await clock(async () => (answer = await question(fresh, ends)));
      times.push(time);
      growth = Math.max(growth, (await bytesInUse()) - start);
      // Both are in use until here.
      if (fresh.size !== PATHS || answer === undefined) throw new Error(`${name} has no answer`);
    }
    rows.push([name, seconds(Math.min(...times)), mebibytes(growth)]);
  }
  for (const question of Object.values(questions)) question(closure, ends);
  rows.push(["the closure, asked all of them", "", mebibytes((await bytesInUse()) - before)]);
  const edges = closure.rows.targets.length.toLocaleString("en");
  return table([`${PATHS.toLocaleString("en")} paths, ${edges} references`, "time", "memory"], rows);
}

/** The path that leads to all others, and the first, which leads to none. */
function endsOf(native: NativeClosure): Ends {
  const { paths } = new Closure(fromNative(native, STORE_DIR));
  const [first, last] = [paths[0], paths.at(-1)];
  if (first === undefined || last === undefined) throw new Error("a graph without paths");
  return { first, last };
}

/** JavaScript's heap, and the buffers beside it. */
async function bytesInUse(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Buffers are freed some turns after what held them.
  for (let turn = 0; turn < 4; turn++) {
    collect();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What the addon would hand over. */
function columnsOf(paths: readonly SyntheticPath[]): NativeClosure {
  const rows = new Map(paths.map(({ path }, row) => [path, row]));
  const targets = paths.map(({ references }) =>
    references.map((reference) => rows.get(reference) ?? 0).sort((one, other) => one - other),
  );
  const derivers = paths.map(({ path }) => `${path}.drv`);
  const signatures = paths.map(() => `cache.example.org-1:${"A".repeat(86)}==`);
  const none = paths.map(() => "");
  const [names, nameOffsets] = strings(paths.map(({ path }) => path.slice(STORE_DIR.length + 1)));
  const [deriverBytes, deriverOffsets] = strings(derivers);
  const [cas, caOffsets] = strings(none);
  const [signatureBytes, signatureOffsets] = strings(signatures);
  return {
    count: paths.length,
    names,
    nameOffsets,
    narHashes: Buffer.from(paths.map(({ narHash }) => narHash).join(""), "hex"),
    narSizes: Float64Array.from(paths, ({ narSize }) => narSize),
    registrationTimes: new Float64Array(paths.length).fill(1_700_000_000),
    ultimate: new Uint8Array(paths.length),
    references: Uint32Array.from(targets.flat()),
    referenceOffsets: offsets(targets.map(({ length }) => length)),
    derivers: deriverBytes,
    deriverOffsets,
    cas,
    caOffsets,
    signatures: signatureBytes,
    signatureOffsets,
    signatureRows: offsets(paths.map(() => 1)),
  };
}

function strings(texts: readonly string[]): [Uint8Array, Uint32Array] {
  return [Buffer.from(texts.join("")), offsets(texts.map(({ length }) => length))];
}

function offsets(lengths: readonly number[]): Uint32Array {
  const ends = new Uint32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) ends[i + 1] = (ends[i] ?? 0) + length;
  return ends;
}
