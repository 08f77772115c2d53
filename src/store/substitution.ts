/** What substituters have, and what they would be asked for. */
import type { NativeSubstitutable } from "./native.js";
import type { StorePath } from "./storePath.js";

/** What must be built or fetched to make some paths valid. */
export interface Missing {
  /** Derivations. */
  readonly willBuild: readonly StorePath[];
  readonly willSubstitute: readonly StorePath[];
  /** Paths that are not valid, cannot be built, and that no substituter has. */
  readonly unknown: readonly StorePath[];
  /** Bytes. */
  readonly downloadSize: number;
  readonly narSize: number;
}

/** What a substituter has of a path. */
export interface Substitutable {
  readonly deriver?: StorePath;
  readonly references: readonly StorePath[];
  /** Bytes; 0 where the substituter does not tell. */
  readonly downloadSize: number;
  readonly narSize: number;
}

export function toSubstitutables(infos: readonly NativeSubstitutable[]): Map<StorePath, Substitutable> {
  return new Map(
    infos.map(({ path, deriver, ...rest }) => [path, { ...rest, ...(deriver !== null && { deriver }) }]),
  );
}
