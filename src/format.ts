/** Facts as people read them. */

/** `1.2 GB`: powers of 1000, three digits. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toPrecision(3)} ${units[unit] ?? ""}`;
}

/** A difference: `+1.20 GB`, `-3 B`. */
export function moreBytes(delta: number): string {
  return `${delta < 0 ? "-" : "+"}${bytes(Math.abs(delta))}`;
}

/** `1 path`, `2 paths`. @param plural with an s unless given */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${String(count)} ${count === 1 ? noun : plural}`;
}

/** Names of store paths without folder and hash, the first few of them. */
export function namesOf(sources: readonly string[], most = 3): string {
  const names = sources
    .slice(0, most)
    .map((path) => path.slice(path.lastIndexOf("/") + 1).replace(/^[0-9a-z]{32}-/, ""));
  const rest = sources.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${String(rest)} more` : names.join(", ");
}
