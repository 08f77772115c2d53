/** Plans the layers of a spec: here, or where that would keep others waiting, in a process of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { type ErrorCode, LaminixError } from "../../errors.js";
import { threadScript } from "../../process/ownFile.js";
import { findStorePaths } from "../../store/findStorePaths.js";
import type { Asking } from "../asking.js";
import type { Facts } from "../facts.js";
import { valueOf } from "./jsonTree.js";
import { planSpec, type SpecLayers, type WrittenSpec } from "./planSpec.js";
import type { SpecDocument } from "./specDocument.js";

/** Paths of a closure whose layers are planned in some milliseconds; ten times as many take a second, and 80 MB. */
const FEW = 1000;
/** Milliseconds that the sizes of closures are waited for. */
const PATIENCE = 60_000;

/** To the planner's process. */
export interface Asked {
  readonly spec: WrittenSpec;
  readonly store: string;
}

/** From it. */
export type Planned =
  | { readonly layers: SpecLayers }
  | {
      readonly error: { readonly code: string; readonly message: string; readonly hint: string | undefined };
    };

/** @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_PATH_NOT_VALID, … */
export async function specLayers({ tree }: SpecDocument, facts: Facts, asking: Asking): Promise<SpecLayers> {
  const spec = (valueOf(tree.root) ?? {}) as WrittenSpec;
  const isSmall = (await pathsBelow(spec, facts, asking)) <= FEW;
  if (isSmall) return planSpec(spec, await facts.store, asking);
  return planElsewhere({ spec, store: facts.url }, asking);
}

/** How many paths the closures of those that a spec names have, each counted by itself. */
async function pathsBelow(spec: WrittenSpec, facts: Facts, asking: Asking): Promise<number> {
  const storeDir = await facts.storeDir(asking);
  const named = new Set(findStorePaths(JSON.stringify(spec), { storeDir }).map(({ path }) => path));
  let count = 0;
  for (const path of named) {
    const info = await facts.pathInfo(path, asking);
    const totals = info && (await facts.closureTotals(info, PATIENCE, asking));
    count += totals?.paths ?? 0;
    if (count > FEW) break;
  }
  return count;
}

async function planElsewhere(asked: Asked, { signal }: Asking): Promise<SpecLayers> {
  const child = fork(threadScript("editor/spec/planner.js"), {
    stdio: "ignore",
    execArgv: [],
    killSignal: "SIGKILL",
    signal,
  });
  try {
    const ended = once(child, "exit").then(() => undefined);
    const answered = once(child, "message").then(([planned]) => planned as Planned);
    child.send(asked);
    const planned = await Promise.race([answered, ended]);
    if (planned && "layers" in planned) return planned.layers;
    if (!planned) throw new LaminixError("ERR_INTERNAL", "the process that plans the layers has ended");
    const { code, message, hint } = planned.error;
    throw new LaminixError(code as ErrorCode, message, hint === undefined ? {} : { hint });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    child.kill("SIGKILL");
  }
}
