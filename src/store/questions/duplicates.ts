/** Which packages are in a closure more than once? */
import { packageName, type PackageName } from "../packageName.js";
import type { StorePath } from "../storePath.js";

/** One output of a package in several versions, or in one version built several times. */
export interface Duplicate {
  readonly name: string;
  /** Empty for the first output. */
  readonly output: string;
  /** Bytes of all NARs together. */
  readonly narSize: number;
  /** In the order of their paths' versions, as text, then of their paths. */
  readonly copies: readonly Copy[];
}

export interface Copy {
  readonly path: StorePath;
  /** Empty if the name has none. */
  readonly version: string;
  /** Bytes of the NAR. */
  readonly narSize: number;
  /** Bytes that the closure would lose without it. */
  readonly addedSize: number;
  /** The paths of the closure that reference it, except itself. */
  readonly referrers: readonly StorePath[];
}

/** What is asked of a closure. */
interface SizedPaths {
  readonly paths: readonly StorePath[];
  /** Bytes, in the order of `paths`. */
  readonly narSizes: readonly number[];
  readonly addedSizes: readonly number[];
  referrers(path: StorePath): readonly StorePath[];
}

/** The largest first. O(paths + references · log n). */
export function duplicatesOf(closure: SizedPaths): Duplicate[] {
  const { narSizes, addedSizes } = closure;
  const groups = new Map<string, { row: number; path: StorePath; of: PackageName }[]>();
  for (const [row, path] of closure.paths.entries()) {
    const of = packageName(path);
    const key = `${of.name}\n${of.output}`;
    const group = groups.get(key);
    if (group) group.push({ row, path, of });
    else groups.set(key, [{ row, path, of }]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group): Duplicate => {
      const copies = group.map(({ row, path, of: { version } }): Copy => {
        const referrers = closure.referrers(path).filter((referrer) => referrer !== path);
        return { path, version, narSize: narSizes[row] ?? 0, addedSize: addedSizes[row] ?? 0, referrers };
      });
      const [first] = group;
      return {
        name: first?.of.name ?? "",
        output: first?.of.output ?? "",
        narSize: copies.reduce((sum, { narSize }) => sum + narSize, 0),
        copies: copies.sort(
          (one, other) => byText(one.version, other.version) || byText(one.path, other.path),
        ),
      };
    })
    .sort(
      (one, other) =>
        other.narSize - one.narSize || byText(one.name, other.name) || byText(one.output, other.output),
    );
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
