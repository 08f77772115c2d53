/** What is different between two closures? */
import { ArgumentError } from "../../errors.js";
import { Closure } from "../closure.js";
import { packageName, type PackageName } from "../packageName.js";
import type { StorePath } from "../storePath.js";

export interface ClosureDiff {
  /** One a package, by name; packages of which both closures have the same paths are left out. */
  readonly changes: readonly PackageChange[];
  readonly before: ClosureTotals;
  readonly after: ClosureTotals;
  /** Bytes that the second closure has more than the first; less than 0 where it has fewer. */
  readonly narSizeDelta: number;
}

export interface ClosureTotals {
  /** Number of paths. */
  readonly size: number;
  /** Bytes of all NARs together. */
  readonly narSize: number;
}

export interface PackageChange {
  readonly name: string;
  /**
   * `added` and `removed`: only one closure has paths of this name. `version`: they have different versions of it.
   * `outputs`: the same versions, other outputs of them. `rebuilt`: the same versions and outputs, other hashes.
   */
  readonly kind: "added" | "removed" | "version" | "outputs" | "rebuilt";
  /** Versions that only the first closure has; one is empty where a name has none. */
  readonly removedVersions: readonly string[];
  readonly addedVersions: readonly string[];
  /** Paths that only the first closure has. */
  readonly removed: readonly PackagePath[];
  readonly added: readonly PackagePath[];
  /** Bytes that the package has more in the second closure. */
  readonly narSizeDelta: number;
}

export interface PackagePath {
  readonly path: StorePath;
  /** Empty if the name has none. */
  readonly version: string;
  /** Empty for the first output. */
  readonly output: string;
  /** Bytes of the NAR. */
  readonly narSize: number;
}

/**
 * Compares two closures, of one store or of two, package by package: names, versions and outputs are read from the
 * names of the paths, as `nix store diff-closures` does. O(paths).
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function diffClosures(before: Closure, after: Closure): ClosureDiff {
  const [old, new_] = [grouped(before, "before"), grouped(after, "after")];
  const names = [...new Set([...old.keys(), ...new_.keys()])].sort();
  return {
    changes: names
      .map((name) => changeOf(name, old.get(name) ?? [], new_.get(name) ?? []))
      .filter(({ added, removed }) => added.length > 0 || removed.length > 0),
    before: { size: before.size, narSize: before.narSize },
    after: { size: after.size, narSize: after.narSize },
    narSizeDelta: after.narSize - before.narSize,
  };
}

function grouped(closure: unknown, argument: string): Map<string, PackagePath[]> {
  if (!(closure instanceof Closure)) throw new ArgumentError(argument, "a Closure", closure);
  const groups = new Map<string, PackagePath[]>();
  const { narSizes } = closure;
  for (const [row, path] of closure.paths.entries()) {
    const { name, version, output }: PackageName = packageName(path);
    const entry = { path, version, output, narSize: narSizes[row] ?? 0 };
    const group = groups.get(name);
    if (group) group.push(entry);
    else groups.set(name, [entry]);
  }
  return groups;
}

function changeOf(
  name: string,
  before: readonly PackagePath[],
  after: readonly PackagePath[],
): PackageChange {
  const removedVersions = onlyIn(before, after, ({ version }) => version).map(({ version }) => version);
  const addedVersions = onlyIn(after, before, ({ version }) => version).map(({ version }) => version);
  return {
    name,
    kind: kindOf(before, after),
    removedVersions: [...new Set(removedVersions)].sort(),
    addedVersions: [...new Set(addedVersions)].sort(),
    removed: onlyIn(before, after, ({ path }) => path),
    added: onlyIn(after, before, ({ path }) => path),
    narSizeDelta: total(after) - total(before),
  };
}

function kindOf(before: readonly PackagePath[], after: readonly PackagePath[]): PackageChange["kind"] {
  if (before.length === 0) return "added";
  if (after.length === 0) return "removed";
  const differ = (key: (entry: PackagePath) => string): boolean =>
    onlyIn(before, after, key).length > 0 || onlyIn(after, before, key).length > 0;
  if (differ(({ version }) => version)) return "version";
  return differ(({ version, output }) => `${version}\n${output}`) ? "outputs" : "rebuilt";
}

/** Those of the one list, by path, that have a key which the other list lacks. */
function onlyIn(
  one: readonly PackagePath[],
  other: readonly PackagePath[],
  key: (entry: PackagePath) => string,
): PackagePath[] {
  const others = new Set(other.map(key));
  return one.filter((entry) => !others.has(key(entry))).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function total(entries: readonly PackagePath[]): number {
  return entries.reduce((sum, { narSize }) => sum + narSize, 0);
}
