/** Where a store path that is a link leads: what is mounted in its place by those who cannot make links. */
import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Links followed before a circle is assumed, as many as Linux follows. */
const MAX_LINKS = 40;

export interface Places {
  readonly storeDir: string;
  /** Where the plan's paths are on this system. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * @param text what the link says
 * @returns a path of this system; `undefined` where the link leads nowhere, or out of the plan
 */
export function followLink(text: string, { storeDir, sources }: Places): string | undefined {
  // In a chroot store links are meant for the container, where the store is in its place.
  let at = resolve(storeDir, text);
  for (let links = 0; links < MAX_LINKS; links++) {
    if (!at.startsWith(`${storeDir}/`)) return undefined;
    const [name = "", ...inside] = at.slice(storeDir.length + 1).split("/");
    const source = sources.get(`${storeDir}/${name}`);
    if (source === undefined) return undefined;
    if (!lstatSync(source, { throwIfNoEntry: false })?.isSymbolicLink())
      return placeIn(join(source, ...inside), dirname(source), { storeDir, sources });
    at = resolve(storeDir, readlinkSync(source), ...inside);
  }
  return undefined;
}

/** The place itself, links inside store paths followed. */
function placeIn(place: string, folder: string, { storeDir, sources }: Places): string | undefined {
  try {
    const real = realpathSync(place);
    const store = realpathSync(folder);
    if (!real.startsWith(`${store}/`) || !isMountable(real)) return undefined;
    const [name = ""] = real.slice(store.length + 1).split("/");
    return sources.has(`${storeDir}/${name}`) ? real : undefined;
  } catch {
    return undefined; // it leads nowhere
  }
}

function isMountable(place: string): boolean {
  const stats = statSync(place);
  return stats.isDirectory() || stats.isFile();
}
