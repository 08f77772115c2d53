/** What is to be mounted from this system's store for a container to have a closure, whoever mounts it. */
import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { requireKnown, requireOptions, requireStrings } from "../arguments.js";
import { BuiltImage } from "../builders/build/builtImage.js";
import { reading } from "../files/walk.js";
import { foldersTo } from "../image/storePathLayer.js";
import { checkBuildOptions, PLANNING_KEYS, type PlanningOptions } from "../planning/buildOptions.js";
import { prepareToPlan } from "../planning/planLayers.js";
import type { ImageSpec } from "../spec/spec.js";
import { Closure } from "../store/closure.js";
import { nixStore } from "../store/defaultStore.js";
import type { StorePath } from "../store/storePath.js";
import type { StoreSource } from "../store/storeSource.js";
import { followLink } from "./followLink.js";

export type MountKind = "folder" | "file";

/** A folder or a file of this system that is to be mounted for reading only. */
export interface Mount {
  /** On this system. In a chroot store it is another path than the target. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
  readonly kind: MountKind;
}

/** A store path that is a symbolic link: a mount would follow it. */
export interface PlannedLink {
  /** In the container. */
  readonly path: StorePath;
  /** What the link says (readlink(2)). */
  readonly text: string;
  /** What to mount in its place where no link can be made; absent where it leads out of the plan. */
  readonly mount?: Mount;
}

export interface MountPlan {
  readonly storeDir: string;
  /** None is inside another. */
  readonly mounts: readonly Mount[];
  readonly links: readonly PlannedLink[];
  /** Folders that the container's root must have, outermost first. */
  readonly places: readonly string[];
  /** Paths that keep all others from garbage collection. */
  readonly roots: readonly StorePath[];
  /** Bytes of the NARs together. */
  readonly narSize: number;
}

/**
 * The closure of what a container needs, as data: what to mount, which links to make, what to protect from garbage
 * collection while it runs.
 * @param subject a spec, whose commands are run; an image that was built; store paths; or a closure
 * @throws {LaminixError} ERR_PATH_NOT_VALID; ERR_PATH_NOT_ON_DISK for files that are not on this disk, which nobody can
 *   mount; for a spec, as `planLayers`
 */
export async function mountPlan(
  subject: ImageSpec | BuiltImage | Closure | string | readonly string[],
  options: PlanningOptions = {},
): Promise<MountPlan> {
  requireKnown(options, PLANNING_KEYS);
  checkBuildOptions(options);
  const { store = nixStore, signal } = options;
  const closure = await closureOf(subject, store, options);
  signal?.throwIfAborted();
  return closurePlan(closure, store, options);
}

async function closureOf(
  subject: ImageSpec | BuiltImage | Closure | string | readonly string[],
  store: StoreSource,
  options: PlanningOptions,
): Promise<Closure> {
  if (subject instanceof Closure) return subject;
  if (BuiltImage.is(subject)) return subject.closure;
  if (typeof subject === "string") return store.closure([subject], options);
  if (Array.isArray(subject)) {
    requireStrings(subject, "subject");
    return store.closure(subject, options);
  }
  requireOptions(subject, "subject");
  await using prepared = await prepareToPlan(subject as ImageSpec, options, "none");
  return prepared.closure;
}

/** The plan of a closure. */
export async function closurePlan(
  closure: Closure,
  store: StoreSource,
  { signal }: Pick<PlanningOptions, "signal">,
): Promise<MountPlan> {
  const [first] = closure.paths;
  const storeDir = await store.storeDir({ signal, near: first });
  const sources = new Map<StorePath, string>();
  for (const path of closure.paths) sources.set(path, await diskOf(path, store));
  const mounts: Mount[] = [];
  const links: PlannedLink[] = [];
  for (const [path, source] of sources) {
    const stats = reading(source, () => lstatSync(source));
    if (!stats.isSymbolicLink()) {
      mounts.push({ source, target: path, kind: kindOf(stats) });
      continue;
    }
    const text = reading(source, () => readlinkSync(source));
    const place = followLink(text, { storeDir, sources });
    const mount =
      place === undefined ? undefined : { source: place, target: path, kind: kindOf(statSync(place)) };
    links.push({ path, text, ...(mount && { mount }) });
  }
  const { narSize } = closure;
  return { storeDir, mounts, links, places: foldersTo(storeDir), roots: rootsOf(closure), narSize };
}

function kindOf(stats: Stats): MountKind {
  return stats.isDirectory() ? "folder" : "file";
}

async function diskOf(path: StorePath, store: StoreSource): Promise<string> {
  const files = await store.open(path);
  if ("disk" in files) return files.disk;
  throw new LaminixError("ERR_PATH_NOT_ON_DISK", `the files of ${path} are not on this disk`, {
    details: { path },
    hint: "what is mounted must be in a store on this system: fetch it with nix-store --realise, or name the store's folder with ?root= in --store",
  });
}

/** Paths that nothing but themselves refers to. */
function rootsOf(closure: Closure): StorePath[] {
  return closure.paths.filter((path) => closure.referrers(path).every((referrer) => referrer === path));
}

/** Whether one of the mounts takes the store's place, so that no folder is needed for them. */
export function isAtOnce(mounts: readonly Mount[], storeDir: string): boolean {
  return mounts.some(({ target }) => target === storeDir);
}
