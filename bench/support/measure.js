import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";

/**
 * @typedef {object} Cost
 * @property {number} seconds wall clock, process start included
 * @property {number} cpuSeconds of the process and all that it waited for
 * @property {number} peakBytes the largest resident set of any of them
 */

/**
 * Runs a command once, its standard output thrown away.
 *
 * @param {string[]} command
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, input?: number }} [options] `env` is added to this process's;
 *   `input` is an open file that it reads as standard input
 * @returns {Promise<Cost>}
 */
export async function measure(command, { env, cwd, input } = {}) {
  const wrapper = path.join(import.meta.dirname, "measure.py");
  const child = spawn("python3", ["-S", wrapper, ...command], {
    cwd,
    env: { ...process.env, ...env },
    stdio: [input ?? "ignore", "ignore", "pipe", "pipe"],
  });
  const [result, complaint] = await Promise.all([
    text(child.stdio[3]),
    text(child.stderr),
    once(child, "close"),
  ]);
  const { code, ...cost } = result ? JSON.parse(result) : { code: "no result" };
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${complaint}`);
  return cost;
}

/**
 * Measures an asynchronous function of this process: its seconds only.
 *
 * @param {() => Promise<unknown>} work
 * @returns {Promise<{ seconds: number }>}
 */
export async function clock(work) {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000 };
}

/**
 * Measures several candidates by turns, so that whatever else the machine does falls on all of them alike. One round
 * before the first fills the caches and is not counted.
 *
 * @template {{ seconds: number, peakBytes?: number }} C
 * @param {Record<string, () => Promise<C>>} candidates
 * @param {{ rounds?: number, warmUp?: number }} [options]
 * @returns {Promise<Record<string, { seconds: number, fastest: number, slowest: number, peakBytes: number, samples: C[] }>>}
 *   `seconds` is the median, `peakBytes` the largest (0 where it was not measured)
 */
export async function compare(candidates, { rounds = 5, warmUp = 1 } = {}) {
  const samples = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, candidate] of Object.entries(candidates)) {
      const cost = await candidate();
      if (round >= 0) samples[name].push(cost);
    }
  }
  return Object.fromEntries(
    Object.entries(samples).map(([name, costs]) => {
      const seconds = costs.map((cost) => cost.seconds);
      return [
        name,
        {
          seconds: median(seconds),
          fastest: Math.min(...seconds),
          slowest: Math.max(...seconds),
          peakBytes: Math.max(...costs.map((cost) => cost.peakBytes ?? 0)),
          samples: costs,
        },
      ];
    }),
  );
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
