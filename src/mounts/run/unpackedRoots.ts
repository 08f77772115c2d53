/** Roots of images, unpacked: each once, for all containers that are run over it. They are never written to. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cannotWrite } from "../../files/cannotWrite.js";
import { unfinished } from "../../files/owner.js";
import { partialPath, removeRemains } from "../../files/partial.js";
import { tryToRemove } from "../../files/removeTree.js";
import { defaultCacheDir } from "../../image/digestCache.js";
import type { Image } from "../../image/image.js";
import { hashOf, knownDiffId } from "../../image/layer.js";
import { STORE_TIME } from "../../image/time.js";
import { run } from "../../process/run.js";
import type { Progress } from "../../progress.js";
import { imageRoot } from "../../root/imageRoot.js";
import type { StorePath } from "../../store/storePath.js";
import { writeTreeTar } from "../../tree/tarFile.js";
import { removeMapped } from "../../vm/leftBehind.js";
import type { Mapping } from "../../vm/mapping.js";
import { unpackArguments } from "../../vm/unpackTar.js";
import { missingStorePaths, withoutDevices } from "./imageTree.js";

/** Changes when the same image would be unpacked otherwise than before. */
const FORMAT = 1;

export interface UnpackedRoot {
  /** The root's folder. */
  readonly folder: string;
  /** Store paths that links of the root lead to, and that the image does not have. */
  readonly missing: readonly StorePath[];
  /** Bytes of its tar. */
  readonly size: number;
}

export interface UnpackedRoots {
  readonly entries: number;
  /** Bytes of their tars. */
  readonly size: number;
}

function rootsFolder(): string {
  return join(defaultCacheDir(), "roots");
}

/**
 * The image's root, unpacked now unless it was before.
 * @param image one that lies somewhere: its layers' diffIDs are known
 * @throws {LaminixError} ERR_FILE_WRITE, ERR_PROGRAM where GNU tar fails, and what reading the image throws
 */
export async function unpackedRoot(
  image: Image,
  mapping: Mapping,
  { signal, progress }: { readonly signal: AbortSignal | undefined; readonly progress: Progress },
): Promise<UnpackedRoot> {
  const diffIds = image.layers.map(knownDiffId);
  const place = join(rootsFolder(), hashOf(["root", FORMAT, mapping.kind, diffIds]));
  const known = factsIn(place);
  if (known) return known;
  progress.note("unpacking the image's root, for this run and later ones");
  const staging = await staged(place);
  const resources: Disposable[] = [];
  try {
    const adopt = (resource: Disposable): number => resources.push(resource);
    const root = withoutDevices(await imageRoot(image, { signal, adopt }), progress);
    const tar = join(staging, "root.tar");
    const size = await writeTreeTar(tar, root, { mtime: STORE_TIME, signal });
    mkdirSync(join(staging, "root"));
    await inMapping(mapping, ["tar", ...unpackArguments(tar, join(staging, "root"), mapping)], signal);
    rmSync(tar);
    writeFileSync(join(staging, "facts.json"), JSON.stringify({ missing: missingStorePaths(root), size }));
    const facts = await finished(staging, place);
    if (facts) return facts;
    throw cannotWrite(place, { code: "EEXIST" });
  } finally {
    for (const resource of resources) resource[Symbol.dispose]();
    if (!tryToRemove(staging)) await removeMapped([staging]);
    unfinished.delete(staging);
  }
}

/** What there is. */
export function unpackedRoots(): UnpackedRoots {
  const known = placesIn(rootsFolder()).flatMap((place) => factsIn(place) ?? []);
  return { entries: known.length, size: known.reduce((sum, { size }) => sum + size, 0) };
}

/** Removes all of them, as far as this user may. A container that runs keeps what it has opened. */
export async function removeUnpackedRoots(signal?: AbortSignal): Promise<void> {
  const left = placesIn(rootsFolder()).filter((place) => !tryToRemove(place));
  if (left.length > 0) await removeMapped(left, signal);
}

/** Puts it in its place, unless another process was faster. What is there and is not whole goes. */
async function finished(staging: string, place: string): Promise<UnpackedRoot | undefined> {
  const remains = partialPath(place);
  if (!factsIn(place) && moved(place, remains) && !tryToRemove(remains)) await removeMapped([remains]);
  moved(staging, place);
  return factsIn(place);
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false; // another process has moved it, or its own
  }
}

async function staged(place: string): Promise<string> {
  try {
    mkdirSync(rootsFolder(), { recursive: true, mode: 0o700 });
    await removeRemains(place);
    const staging = partialPath(place);
    unfinished.add(staging);
    mkdirSync(staging, 0o700);
    return staging;
  } catch (error) {
    throw cannotWrite(place, error);
  }
}

async function inMapping(
  { kind, arguments: args }: Mapping,
  command: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const [program = "", ...rest] = kind === "root" ? command : ["unshare", ...args, "--", ...command];
  await run(program, rest, { ...(signal && { signal }) });
}

/** `undefined` for what is not there whole. */
function factsIn(place: string): UnpackedRoot | undefined {
  try {
    const { missing, size } = JSON.parse(readFileSync(join(place, "facts.json"), "utf8")) as UnpackedRoot;
    const folder = join(place, "root");
    return existsSync(folder) ? { folder, missing, size } : undefined;
  } catch {
    return undefined;
  }
}

function placesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
