/** Places in an image's root where store paths of the host are mounted. */
import { abortScope } from "../abort.js";
import { toByteString } from "../bytes/byteString.js";
import { Pauses } from "../files/pauses.js";
import { requireNarHash } from "../nar/source.js";
import { baseName, type StorePath } from "../store/storePath.js";
import { Turns } from "../threads/turns.js";
import { type Top, topOf } from "../tree/listing.js";
import { folderNode, linkNode, rootOwned, type TreeNode } from "../tree/node.js";
import type { Locate } from "./places.js";

/** Paths that are looked at at once: more than one, as a NAR may come from far away. */
const AT_ONCE = 4;

export interface MountPointOptions {
  readonly locate: Locate;
  /** SRI of a path's NAR, where known. */
  readonly narHash: (path: StorePath) => string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What each path's place has to be, in the order of the paths. */
export type MountPoints = ReadonlyMap<StorePath, Top>;

/**
 * What each store path is. A folder is mounted over a folder and a file over a file; a link is not mounted but written as it
 * is, since a mount would follow it.
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH, and what opening a path throws
 */
export async function mountPoints(
  paths: readonly StorePath[],
  { locate, narHash, signal: asked }: MountPointOptions,
): Promise<MountPoints> {
  using scope = abortScope(asked);
  const { signal } = scope;
  const pauses = new Pauses(signal);
  const turns = new Turns(AT_ONCE);
  const pointAt = async (path: StorePath): Promise<readonly [StorePath, Top]> => {
    signal.throwIfAborted();
    if (pauses.isDue()) await pauses.take();
    const files = await locate(path);
    if (!("disk" in files)) requireNarHash(files, path, narHash(path));
    return [path, await topOf(path, files, { signal })];
  };
  return new Map(await Promise.all(paths.map((path) => turns.take(() => pointAt(path)))));
}

/** Those that are mounted. */
export function mountedPaths(points: MountPoints): StorePath[] {
  return [...points].flatMap(([path, { type }]) => (type === "symlink" ? [] : [path]));
}

/** What the root has in the store's directory, by name. */
export function mountPointNodes(points: MountPoints): Map<string, TreeNode> {
  return new Map(Array.from(points, ([path, top]) => [toByteString(baseName(path)), nodeFor(top)]));
}

const EMPTY_FILE = rootOwned(0o555);

function nodeFor(top: Top): TreeNode {
  if (top.type === "symlink") return linkNode(top.target);
  if (top.type === "directory") return folderNode();
  return { type: "file", attributes: EMPTY_FILE, body: { bytes: new Uint8Array() } };
}
