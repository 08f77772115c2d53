/** What substituters have, and what they would be asked for. */
import type { NativeSubstitutable } from "./native.js";
import type { StorePath } from "./storePath.js";

/** What would have to be done for some paths to be valid. */
export interface Missing {
  /** Derivations. */
  readonly willBuild: readonly StorePath[];
  readonly willSubstitute: readonly StorePath[];
  /** Neither valid, nor to be built, nor to be had from a substituter. */
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
