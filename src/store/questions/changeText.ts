/** A package's change in words: `1.1 → 1.2`; ∅ stands for no version, ε for one without a number. */
import type { PackageChange } from "./diffClosures.js";

export function changeText({ kind, removedVersions, addedVersions, removed, added }: PackageChange): string {
  const shown = (versions: readonly string[]): string =>
    versions.map((version) => version || "ε").join(", ") || "∅";
  const outputs = (paths: PackageChange["added"]): string =>
    [...new Set(paths.map(({ output }) => output || "out"))].sort().join(", ") || "∅";
  if (kind === "rebuilt") return "rebuilt";
  if (kind === "outputs") return `outputs ${outputs(removed)} → ${outputs(added)}`;
  return `${shown(removedVersions)} → ${shown(addedVersions)}`;
}
