/** What the name of a store path says of the package that it is of. */
import { baseName, type StorePath } from "./storePath.js";

export interface PackageName {
  readonly name: string;
  /** Empty if the name has none. */
  readonly version: string;
  /** `dev`, `lib`, …; empty for the first output. */
  readonly output: string;
}

/**
 * `<hash>-<name>-<version>-<output>`, as `nix store diff-closures` takes it apart: letters after the last dash are an
 * output, and of the rest the version begins after the first dash that no letter follows (Nix's `DrvName`). A name
 * alone cannot tell an output from a last word: of `hello-world`, `world` is taken for one.
 */
export function packageName(path: StorePath): PackageName {
  const full = baseName(path).slice(33);
  const [, stem = full, output = ""] = /^(.*)-([a-z]+|lib32|lib64)$/.exec(full) ?? [];
  const dash = stem.search(/-[^a-zA-Z]/);
  if (dash === -1) return { name: stem, version: "", output };
  return { name: stem.slice(0, dash), version: stem.slice(dash + 1), output };
}
