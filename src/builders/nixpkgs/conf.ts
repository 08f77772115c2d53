/**
 * The `conf.json` of an image that Nix builds: what nixpkgs' `streamLayeredImage` writes for its script. It is made in
 * a derivation's builder, from the derivation's attributes and nothing else.
 */
import { z } from "zod";
import { requireString } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { parsePlainJson } from "../../bytes/jsonBudget.js";
import { readText } from "../../files/readText.js";
import { inheritConfig } from "../../image/inherit.js";
import { formatJson, isObject, type Json, type JsonObject, parseJson } from "../../bytes/json.js";
import { unixTime, parseTime } from "../../image/time.js";
import type { LayerPlan } from "../../layering/graph.js";
import { GraphStore, graphBudget } from "../../store/graphStore.js";
import { baseName, checkStoreDir, hashPart, toStorePath } from "../../store/storePath.js";
import { Base } from "../../planning/base.js";
import type { BuildOptions } from "../../planning/buildOptions.js";
import { type Layering, layeringOf } from "../../planning/layering.js";
import { Progress } from "../../progress.js";
import { checked } from "../../spec/invalid.js";
import { specSchema } from "../../spec/spec.js";

const keys = specSchema.pick({
  ...{ name: true, tag: true, fromImage: true, maxLayers: true, strategy: true, created: true, mtime: true },
  ...{
    layeringPipeline: true,
    previous: true,
    horizon: true,
    history: true,
    volatility: true,
    uid: true,
    gid: true,
    uname: true,
    gname: true,
  },
});
/** What nixpkgs plans with unless told otherwise. */
const imageKeys = keys.extend({ strategy: specSchema.shape.strategy.unwrap().default("auto") });

/** The derivation's attributes. Nix adds more of its own. */
const attributesSchema = z.looseObject({
  outputs: z.looseObject({ out: z.string() }),
  /** Of `baseJson` and `customisationLayer`, both among it; empty where the image is to have no store paths. */
  graph: z.array(z.unknown()),
  image: z.strictObject({
    ...imageKeys.shape,
    storeDir: z.string(),
    /** A file with `architecture`, `config` and `os`. */
    baseJson: z.string(),
    /** A folder with `layer.tar` and `checksum`. */
    customisationLayer: z.string(),
  }),
});
type ImageAttributes = z.output<typeof attributesSchema>["image"];

/**
 * @param file the structured attributes of a derivation (Nix manual, "Advanced Attributes"), with the reference graph
 *   under `graph` and the image under `image`
 * @returns the text of the `conf.json`
 * @throws {LaminixError} ERR_SPEC, ERR_JSON, ERR_GRAPH, ERR_LAYER_BUDGET, ERR_ARCHIVE, ERR_UNSUPPORTED, ERR_FILE_READ
 */
export async function layeredConf(
  file: string,
  given: Pick<BuildOptions, "signal" | "onProgress" | "registries" | "maxUnpacked"> = {},
): Promise<string> {
  const options = { ...given, progress: new Progress(given.onProgress) };
  requireString(file, "file");
  const { image, graph, outputs } = readAttributes(file);
  const storeDir = checkStoreDir(image.storeDir);
  const described = readJsonObject(image.baseJson);
  const architecture = architectureIn(described, image.baseJson);
  const platform = { architecture, variant: undefined };
  // Of a base that is for several platforms, the one that the image is for.
  using base = await Base.of({ fromImage: image.fromImage, ...platform }, options);
  const inBase = (await base?.storeNames(storeDir, given.signal)) ?? new Set();
  const layering = await layeringOf({ ...image, ...platform }, base?.image.layers.length ?? 0, options);
  const layers = graph.length === 0 ? [] : await planned(GraphStore.read(file), image, inBase, layering);
  const tag = image.tag ?? hashPart(toStorePath(outputs.out, storeDir));
  const conf = new Map<string, Json>([
    ...described,
    ["config", inheritConfig(configIn(described, image.baseJson), base?.config)],
    ["store_dir", storeDir],
    ["from_image", image.fromImage],
    ["store_layers", layers],
    ["customisation_layer", image.customisationLayer],
    ["repo_tag", `${image.name.toLowerCase()}:${tag}`],
    ["created", normalised(image.created, "created")],
    ["mtime", normalised(image.mtime, "mtime")],
    // Texts, as nixpkgs has them.
    ["uid", String(image.uid)],
    ["gid", String(image.gid)],
    ["uname", image.uname],
    ["gname", image.gname],
  ]);
  return `${formatJson(conf, 2)}\n`;
}

function architectureIn(described: JsonObject, file: string): string {
  const architecture = described.get("architecture");
  if (typeof architecture === "string") return architecture;
  throw malformed(file, "architecture", "a string");
}

function configIn(described: JsonObject, file: string): JsonObject {
  const config = described.get("config") ?? new Map<string, Json>();
  if (isObject(config)) return config;
  throw malformed(file, "config", "an object");
}

function malformed(file: string, key: string, what: string): LaminixError {
  return new LaminixError("ERR_SPEC", `${file}: ${key} is not ${what}`, { details: { path: file, key } });
}

/**
 * The two that are in no layer of store paths take part where `auto` plans, as they do in nixpkgs, and nowhere else.
 * @param inBase names of store paths that the base image has: they are not put into layers again
 */
async function planned(
  graph: GraphStore,
  { baseJson, customisationLayer, strategy, layeringPipeline }: ImageAttributes,
  inBase: ReadonlySet<string>,
  layering: Layering,
): Promise<LayerPlan> {
  const closure = await graph.closure([baseJson, customisationLayer]);
  const others = closure.paths.filter((path) => path === baseJson || path === customisationLayer);
  const known = closure.paths.filter((path) => inBase.has(baseName(path)));
  const takePart = layeringPipeline === null && strategy === "auto";
  return layering(closure, [], new Set(takePart ? known : [...known, ...others]))
    .map((layer) => layer.filter((path) => !others.includes(path)))
    .filter((layer) => layer.length > 0);
}

/** A time by the second and in UTC; `now` is for the script to fill in. */
function normalised(text: string, key: string): string {
  return text === "now" ? text : unixTime(parseTime(text, key).seconds).iso;
}

function readAttributes(file: string): z.output<typeof attributesSchema> {
  const text = readText(file);
  let document: unknown;
  try {
    document = parsePlainJson(text, file, graphBudget());
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_JSON", `${file} is not JSON`, { cause, details: { path: file } });
  }
  return checked(attributesSchema, document, (key, message) => {
    return new LaminixError("ERR_SPEC", `${key || file}: ${message}`, { details: { path: file, key } });
  });
}

function readJsonObject(file: string): JsonObject {
  const json = parseJson(readText(file), file);
  if (isObject(json)) return json;
  throw new LaminixError("ERR_SPEC", `${file} is not an object`, { details: { path: file } });
}
