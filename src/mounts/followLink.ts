/** Where a store path that is a link leads: what is mounted in its place by those who cannot make links. */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";

/** Links followed before a circle is assumed, as many as Linux follows. */
const MAX_LINKS = 40;

export interface Places {
  readonly storeDir: string;
  /** Where the plan's paths are on this system. */
  readonly sources: Pick<ReadonlyMap<string, string>, "get">;
}

/**
 * Follows links as they are followed in a container, where the store is in its place: the files of a chroot store are
 * elsewhere on this system.
 * @param text what the link says
 * @returns a folder or a file of this system; `undefined` where the link leads nowhere, or out of the plan
 */
export function followLink(text: string, places: Places): string | undefined {
  let at = isAbsolute(text) ? "/" : places.storeDir;
  const ahead = text.split("/");
  for (let links = 1; ahead.length > 0;) {
    const next = resolve(at, ahead.shift() ?? "");
    const found = find(next, places);
    if (found?.stats.isSymbolicLink()) {
      if (++links > MAX_LINKS) return undefined;
      const further = readlinkSync(found.source);
      if (isAbsolute(further)) at = "/";
      ahead.unshift(...further.split("/"));
    } else if (found || isAbove(next, places.storeDir)) at = next;
    else return undefined;
  }
  const end = find(at, places);
  return end?.stats.isDirectory() || end?.stats.isFile() ? end.source : undefined;
}

/** Whether it is the store's folder, or one that the store's is in. */
function isAbove(path: string, storeDir: string): boolean {
  return `${storeDir}/`.startsWith(path === "/" ? path : `${path}/`);
}

function find(
  path: string,
  { storeDir, sources }: Places,
): { readonly source: string; readonly stats: Stats } | undefined {
  if (!path.startsWith(`${storeDir}/`)) return undefined;
  const [name = "", ...inside] = path.slice(storeDir.length + 1).split("/");
  const storePath = sources.get(`${storeDir}/${name}`);
  if (storePath === undefined) return undefined;
  const source = join(storePath, ...inside);
  try {
    return { source, stats: lstatSync(source) };
  } catch {
    return undefined; // nothing is there
  }
}
