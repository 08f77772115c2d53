/** A farm: the store paths of a plan mounted below one folder, to be mounted at once from there. */
import { mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { requireKnown, requireString } from "../arguments.js";
import { LaminixError } from "../errors.js";
import { textIfThere } from "../files/optionalFile.js";
import { TemporaryFolder } from "../files/temporary.js";
import { run } from "../process/run.js";
import { encodeFarm, enterProgram, type FarmDescription } from "../vm/enter.js";
import { parseReport } from "../vm/outcome.js";
import { NAMESPACE, requireRoom } from "./formats/limits.js";
import type { MountPlan } from "./mountPlan.js";
import { requirePlan } from "./requirePlan.js";

/** The plan's paths and links as the program that mounts them is told of them. */
export function farmOf({ mounts, links }: MountPlan, folder: string): FarmDescription {
  return {
    folder,
    paths: mounts.map(({ source, target }) => [source, basename(target)]),
    links: links.map(({ path, text }) => [text, basename(path)]),
  };
}

/**
 * Mounts every path of a plan below a folder, for reading only, in this process's mount namespace. It stays until it is
 * unmounted: `umount --lazy FOLDER` takes it away whole.
 * @param folder is made where it is not there; must be empty
 * @returns the folder in whole
 * @throws {LaminixError} ERR_MOUNT where something cannot be mounted, or the caller may not mount; ERR_FILE_WRITE for a
 *   folder that cannot be made, or has something in it; ERR_MOUNT_LIMIT;
 *   ERR_ADDON_MISSING
 */
export async function assembleFarm(
  plan: MountPlan,
  folder: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  requireKnown(options, ["signal"]);
  const { signal } = options;
  requirePlan(plan);
  requireString(folder, "folder");
  requireRoom(NAMESPACE, plan.mounts.length, "mount the whole store for reading only (--whole-store)");
  signal?.throwIfAborted();
  const place = emptyFolder(folder);
  const enter = enterProgram();
  using temporary = new TemporaryFolder();
  const description = `${temporary.path}/description`;
  const status = `${temporary.path}/status`;
  writeFileSync(description, encodeFarm(farmOf(plan, place), status));
  try {
    await run(enter, [description], { ...(signal && { signal }) });
  } catch (cause) {
    signal?.throwIfAborted();
    const problem = parseReport(textIfThere(status)).get("problem");
    const reason = problem ?? (cause instanceof Error ? cause.message : String(cause));
    throw new LaminixError("ERR_MOUNT", `no farm can be assembled at ${place}: ${reason}`, {
      cause,
      details: { path: place },
      ...(problem === undefined && { hint: "only root may mount: sudo, or unshare --map-root-user --mount" }),
    });
  }
  return place;
}

function emptyFolder(folder: string): string {
  const place = resolve(folder);
  try {
    mkdirSync(place, { recursive: true });
    if (statSync(place).isDirectory() && readdirSync(place).length === 0) return place;
  } catch (cause) {
    throw new LaminixError("ERR_FILE_WRITE", `${folder} cannot be made`, { cause, details: { path: place } });
  }
  throw new LaminixError("ERR_FILE_WRITE", `${folder} is not empty`, {
    details: { path: place },
    hint: "a farm is mounted on an empty folder; one that is there already is taken away by umount --lazy",
  });
}

/** Unmounts a farm whole, and removes its folder. */
export async function removeFarm(folder: string): Promise<void> {
  await run("umount", ["--lazy", folder]);
  rmdirSync(folder);
}
