/** The store paths that a spec names, and those that its image is to have. */
import { LaminixError } from "../errors.js";
import { formatJson, type Json } from "../bytes/json.js";
import { type Content, contentsOf, storePathsOf } from "../root/contents.js";
import type { PreparedSpec } from "../spec/spec.js";
import type { Closure } from "../store/closure.js";
import {
  baseName,
  hashPart,
  type StorePath,
  storeDirOf,
  storePathsIn,
  toStorePath,
} from "../store/storePath.js";
import { followed } from "../store/followed.js";
import type { StoreSource } from "../store/storeSource.js";
import type { Base } from "./base.js";

interface Options {
  readonly signal: AbortSignal | undefined;
}

export interface NamedPaths {
  readonly storeDir: string;
  readonly contents: readonly Content[];
  readonly copies: readonly Content[];
  /** Those that the configuration names. */
  readonly inConfig: readonly StorePath[];
  /** Those that the script names that runs as root. */
  readonly inScript: readonly StorePath[];
  /** Hash parts of those that the image names and does not have. */
  readonly namedOnly: ReadonlySet<string>;
}

/** @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE, ERR_STORE_PATH */
export async function namedPaths(
  spec: PreparedSpec,
  store: StoreSource,
  options: Options,
): Promise<NamedPaths> {
  const near = [...spec.contents, ...spec.copyToRoot]
    .filter((entry) => typeof entry === "string")
    .map((entry) => followed(entry, undefined))
    .find((path) => storeDirOf(path) !== undefined);
  const storeDir = await store.storeDir({ ...options, near });
  const contents = contentsOf(spec.contents, storeDir);
  const copies = contentsOf(spec.copyToRoot, storeDir);
  const namedOnly = new Set(spec.namedOnly.map((path) => hashPart(toStorePath(path, storeDir))));
  const validIn = (where: string, paths: readonly StorePath[]): Promise<StorePath[]> =>
    Promise.all(paths.map((path) => validPath(path, where, store, options)));
  const configured = storePathsIn(baseJson(spec), storeDir).filter((path) => !namedOnly.has(hashPart(path)));
  const inConfig = await validIn("the config", configured);
  const inScript = await validIn("runAsRoot", storePathsIn(spec.runAsRoot?.text ?? "", storeDir));
  return { storeDir, contents, copies, inConfig, inScript, namedOnly };
}

export interface NeededPaths {
  /** What has to be in the image. */
  readonly paths: readonly StorePath[];
  readonly closure: Closure;
  /** The closure of what is copied to the root. */
  readonly copies: Closure | undefined;
}

/** @throws {LaminixError} ERR_PATH_NOT_VALID */
export async function neededPaths(
  { contents, copies, inConfig }: NamedPaths,
  { includeNixDB }: PreparedSpec,
  store: StoreSource,
  options: Options,
): Promise<NeededPaths> {
  const copied = storePathsOf(copies);
  const closure = copied.length === 0 ? undefined : await store.closure(copied, options);
  // A copy needs what it refers to, but not what it was copied from, unless Nix in the image is to know that.
  const behind = includeNixDB ? copied : copied.flatMap((path) => closure?.references(path) ?? []);
  const paths = [...storePathsOf(contents), ...inConfig, ...behind];
  return { paths, closure: await store.closure(paths, options), copies: closure };
}

/** Paths of the closure that the base has. */
export async function pathsInBase(
  base: Base | undefined,
  { includeStorePaths }: PreparedSpec,
  closure: Closure,
  storeDir: string,
  { signal }: Options,
): Promise<ReadonlySet<StorePath>> {
  if (!base || !includeStorePaths || closure.size === 0) return new Set();
  const names = await base.storeNames(storeDir, signal);
  return new Set(closure.paths.filter((path) => names.has(baseName(path))));
}

/** What of an image's configuration can name store paths, as nixpkgs writes it for that. */
export function baseJson({ architecture, config }: PreparedSpec): string {
  return formatJson(new Map<string, Json>(Object.entries({ architecture, config, os: "linux" })));
}

/**
 * A path as it stands in a text may run on into what follows it, such as a full stop; its hash tells where it ends.
 */
async function validPath(
  path: StorePath,
  where: string,
  store: StoreSource,
  options: Options,
): Promise<StorePath> {
  const valid = await store.pathFromHashPart(hashPart(path), options);
  if (valid !== undefined && path.startsWith(valid)) return valid;
  throw new LaminixError("ERR_PATH_NOT_VALID", `${where} names ${path}, which is not valid in the store`, {
    details: { path },
    hint: "build or fetch it first, for example with nix-store --realise",
  });
}
