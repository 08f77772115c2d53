/**
 * The layers that an image spec comes to, as far as the store alone tells: no base image is read or fetched, no command is
 * run, and no file is looked into.
 */
import type { PlannedLayer } from "../../planning/plan.js";
import type { ImageSpec } from "../../spec/spec.js";
import type { Asking } from "../asking.js";
import type { AskedStore } from "../askedStore.js";

/** A spec as it is written, whatever is in it. */
export type WrittenSpec = Readonly<Record<string, unknown>>;

/** It can be sent from one process to another. */
export interface SpecLayers {
  readonly strategy: string;
  readonly layers: readonly PlannedLayer[];
  /** Of the closure. */
  readonly paths: number;
  /** Bytes of its NARs. */
  readonly narSize: number;
  /** As `laminix layers --compare` measures it. */
  readonly efficiency: number;
  /** What was not heeded. */
  readonly leftOut: readonly string[];
}

/** Those that name files, images and commands. */
const UNHEEDED = [
  ...["fromImage", "extraCommands", "fakeRootCommands", "enableFakechroot", "runAsRoot", "perms"],
  ...["layeringPipeline", "previous", "horizon", "history", "volatility"],
];
const HEEDED = [
  ...["name", "tag", "contents", "copyToRoot", "config", "maxLayers", "strategy", "includeStorePaths"],
  ...["snapshotter", "namedOnly"],
];

/** @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_PATH_NOT_VALID, … */
export async function planSpec(
  given: WrittenSpec,
  store: AskedStore,
  { signal }: Asking,
): Promise<SpecLayers> {
  const storeDir = await store.storeDir({ signal });
  const inStore = (entry: unknown): boolean => typeof entry === "string" && entry.startsWith(`${storeDir}/`);
  const entries = (key: string): unknown[] => [given[key] ?? []].flat();
  const spec = {
    ...Object.fromEntries(HEEDED.flatMap((key) => (key in given ? [[key, given[key]]] : []))),
    contents: entries("contents").filter(inStore),
    copyToRoot: entries("copyToRoot").filter(inStore),
  } as unknown as ImageSpec;
  const others = ["contents", "copyToRoot"].filter((key) => !entries(key).every(inStore));
  const { prepareToPlan, strategyOf } = await import("../../planning/planLayers.js");
  const { plannedLayers, planOf } = await import("../../planning/plan.js");
  const { graphOf } = await import("../../layering/graph.js");
  const { measure } = await import("../../layering/measure.js");
  await using prepared = await prepareToPlan(spec, { store, signal });
  const { closure, inBase } = prepared;
  const plan = await planOf(prepared, prepared.layering);
  return {
    strategy: strategyOf(prepared.spec),
    layers: plannedLayers(plan, closure),
    paths: closure.size,
    narSize: closure.narSize,
    efficiency: measure(graphOf(closure, [], inBase), plan).efficiency,
    leftOut: [
      ...others.map((key) => `what in ${key} is not in the store`),
      ...UNHEEDED.filter((key) => isGiven(given[key])),
    ],
  };
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return false;
  return !(Array.isArray(value) && value.length === 0);
}
