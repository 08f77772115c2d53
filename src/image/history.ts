/** What an image's history tells of its layers. Format: Docker image specification 1.3, "Image JSON Description". */
import { dirname } from "node:path/posix";
import { type StorePath, storeDirOf, storePathsIn } from "../store/storePath.js";
import { LAYER_KIND } from "./annotations.js";
import { listIn, textIn } from "./fields.js";
import { isObject, type Json, type JsonObject } from "../bytes/json.js";
import { type Layer, packedLayer } from "./layer.js";

/** The entries, and those that tell of a layer. */
export function historyOf(configFile: JsonObject): {
  readonly entries: readonly Json[];
  readonly telling: readonly Json[];
} {
  const entries = listIn(configFile, "history");
  return {
    entries,
    telling: entries.filter((entry) => !isObject(entry) || entry.get("empty_layer") !== true),
  };
}

/** Store paths that an image has by its own word: its history tells them of each layer that is made of some. */
export function storePathsInHistory(
  configFile: JsonObject,
  layers: readonly Layer[],
  storeDir: string,
): StorePath[] {
  return commentsOf(configFile, layers).flatMap(({ comment, isAnnotated }) =>
    isAnnotated ? storePathsIn(comment, storeDir) : [],
  );
}

/**
 * The layers of store paths, bottom first, as far as an image tells them.
 * @returns each path once
 */
export function storeLayersInHistory(configFile: JsonObject, layers: readonly Layer[]): StorePath[][] {
  return toldStorePaths(configFile, layers).flatMap((paths) => (paths ? [paths] : []));
}

/**
 * What each layer has of store paths, as far as an image tells: of annotated ones, and of those whose entries list
 * store paths as nixpkgs writes them. The uppermost of all is the one of the image's root, which lists the contents,
 * unless it is annotated. One that lists what another layer has is that of a base's root, or of what was put in again.
 * @returns for every layer, in order; each path once
 */
export function toldStorePaths(
  configFile: JsonObject,
  layers: readonly Layer[],
): (StorePath[] | undefined)[] {
  const known = storePathsTold(commentsOf(configFile, layers));
  return layers.map((_, i) => known[i]);
}

/**
 * The same as `storeLayersInHistory`, of an image in an engine, which tells nothing but the history's comments.
 * @param comments of each entry, the oldest first; empty where there is none
 */
export function storeLayersInComments(comments: readonly string[]): StorePath[][] {
  const told = storePathsTold(comments.map((comment) => ({ comment, isAnnotated: false })));
  return told.flatMap((paths) => (paths ? [paths] : []));
}

function storePathsTold(comments: readonly Comment[]): (StorePath[] | undefined)[] {
  const told = comments.map(({ comment, isAnnotated }) => ({ paths: listedIn(comment), isAnnotated }));
  const listing = told.filter(({ paths }) => paths !== undefined);
  const certain = listing.filter(({ isAnnotated }) => isAnnotated);
  const probable = listing.slice(0, -1).filter(({ isAnnotated }) => !isAnnotated);
  const seen = new Set<StorePath>();
  const chosen = new Set(
    [...certain, ...probable].filter(({ paths = [] }) => {
      const isNew = paths.length > 0 && !paths.some((path) => seen.has(path));
      if (isNew) for (const path of paths) seen.add(path);
      return isNew;
    }),
  );
  return told.map((each) => (chosen.has(each) ? each.paths : undefined));
}

/** The command that made each layer, as Docker writes it; `undefined` where the history does not tell. */
export function commandsInHistory(configFile: JsonObject, layers: readonly Layer[]): (string | undefined)[] {
  const { telling } = historyOf(configFile);
  return layers.map((_, i) =>
    telling.length === layers.length ? textIn(telling[i], "created_by") || undefined : undefined,
  );
}

interface Comment {
  /** Empty where there is none. */
  readonly comment: string;
  /** Whether a manifest says that it is a layer of store paths. */
  readonly isAnnotated: boolean;
}

/** Of each layer, where the history tells of as many as there are. */
function commentsOf(configFile: JsonObject, layers: readonly Layer[]): Comment[] {
  const { telling } = historyOf(configFile);
  if (telling.length !== layers.length) return [];
  return layers.map((layer, i) => {
    const entry = telling[i];
    return {
      comment: textIn(entry, "comment") ?? "",
      isAnnotated: packedLayer(layer)?.annotations?.get(LAYER_KIND) === "store",
    };
  });
}

/** What `configFile` writes of a layer: Python's `repr` of a list, in which store paths need no escapes. */
function listedIn(comment: string): StorePath[] | undefined {
  const list = /^store paths: \[(.*)\]$/.exec(comment)?.[1];
  if (list === undefined) return undefined;
  const paths = list === "" ? [] : list.split(", ").map((item) => item.replace(/^'(.*)'$/, "$1"));
  if (!paths.every((path) => storeDirOf(path) === dirname(path))) return undefined;
  return [...new Set(paths)] as StorePath[];
}
