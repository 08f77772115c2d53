/** The closure of paths the other way round: with all that depends on them. */
import { requireOptions } from "../arguments.js";
import type { CallOptions } from "./connection.js";
import type { Connections } from "./connections.js";
import type { StorePath } from "./storePath.js";

/** All questions of a wave go out at once, so that the graph's depth decides how long it takes, not its size. */
export async function referrersClosure(
  connections: Connections,
  roots: readonly StorePath[],
  options: CallOptions,
): Promise<StorePath[]> {
  requireOptions(options);
  const found = new Set<StorePath>(roots);
  for (let wave: readonly StorePath[] = [...found]; wave.length > 0;) {
    const answers = await Promise.all(wave.map((path) => connections.ask("referrers", { path }, options)));
    wave = answers.flat().filter((path) => !found.has(path) && found.add(path));
  }
  return [...found];
}
