/** Store paths by the names of packages, for shells: read from the store's folder, so that no daemon is asked. */
import { readdirSync } from "node:fs";

/** More than these help nobody. */
const MOST = 500;
/** A hash part and its dash. */
const HASH = 33;
const IS_HASHED = /^[0-9a-df-np-sv-z]{32}-/;

/**
 * @param text the beginning of a package's name, perhaps behind the store's folder
 * @returns paths by name; none where the text is no name, or the folder cannot be read
 */
export function storePathsNamed(
  text: string,
  { storeDir, derivations }: { readonly storeDir: string; readonly derivations: boolean },
): string[] {
  const name = text.startsWith(`${storeDir}/`) ? text.slice(storeDir.length + 1) : text;
  if (!/^[\w+?=][\w+?=.-]*$/.test(name) || IS_HASHED.test(name)) return [];
  return namesIn(storeDir)
    .filter((entry) => IS_HASHED.test(entry) && entry.startsWith(name, HASH))
    .filter((entry) => !/\.(?:lock|chroot|check|tmp)$/.test(entry))
    .filter((entry) => derivations || !entry.endsWith(".drv"))
    .sort((one, other) => (one.slice(HASH) < other.slice(HASH) ? -1 : 1))
    .slice(0, MOST)
    .map((entry) => `${storeDir}/${entry}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
