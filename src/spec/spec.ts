/**
 * What an image is asked for with. Keys and defaults are those of nixpkgs' `dockerTools.streamLayeredImage`.
 */
import { z } from "zod";
import { requireOptions } from "../arguments.js";
import { COMPRESSORS, GZIP_ENCODERS, otherLevels } from "../compress/compressors.js";
import { LaminixError, nearestWord } from "../errors.js";
import { fromJs, isObject, type Json, type JsonObject, toJs } from "../bytes/json.js";
import { HORIZON } from "../layering/balanced/previous.js";
import { STRATEGIES, type Strategy } from "../layering/plan.js";
import type { RootScriptSpec } from "../vm/rootScript.js";
import { type Progress, SILENT } from "../progress.js";
import { configSchema, configWarnings } from "./imageConfig.js";
import { checked, invalidSpec } from "./invalid.js";
import { permsSchema } from "./perms.js";
import type { Piece } from "./pieces/piece.js";
import { pieceEntrySchema, resolvePiece } from "./pieces/resolvePiece.js";
import { planSchema, volatilitySchema } from "./plans.js";

const id = z.int().min(0).max(0xffff_fffe);
const text = z.string().min(1);

/** Engines accept no other (distribution's reference grammar): a registry with its port, then words and slashes. */
const REPOSITORY =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/)?[A-Za-z0-9]+(?:(?:\.|__?|-+)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:\.|__?|-+)[A-Za-z0-9]+)*)*$/;

const entry = z.union([text, pieceEntrySchema]);
const entries = z.union([z.array(entry).readonly(), entry.transform((one) => [one])]).nullable();

function unknownCompressor({ input }: { readonly input?: unknown }): string {
  const given = typeof input === "string" ? JSON.stringify(input) : `a value of type ${typeof input}`;
  return `${given} is not a compressor; there are ${COMPRESSORS.join(", ")}`;
}

const PLAN = "must be a plan of layers, the name of a file of JSON that has it, or the name of an image";

/** Each key with its description, which the published JSON schema carries too. */
export const specSchema = z.strictObject({
  $schema: z.string().optional().describe("The JSON schema of this file, for editors; has no effect."),
  specVersion: z.literal(1).optional().describe("The version of this format."),
  name: z
    .string()
    .regex(REPOSITORY, "a repository is words of letters and digits with . _ or - between them, and slashes")
    .describe("The repository's name, as in registry.example/my/image. Lower-cased."),
  tag: z
    .string()
    .regex(
      /^\w[\w.-]{0,127}$/,
      "a tag has letters, digits, _ . and -, 128 at most, and does not begin with . or -",
    )
    .nullable()
    .default(null)
    .describe("The tag. Default: a hash of everything that decides the image's bytes."),
  contents: entries
    .default([])
    .describe(
      "Store paths whose files are linked into the image's root, plain folders whose files are copied there, and pieces.",
    ),
  copyToRoot: entries
    .default([])
    .describe("Store paths, plain folders and pieces that are copied into the image's root."),
  keepContentsDirlinks: z
    .boolean()
    .default(false)
    .describe("Whether links to folders in copyToRoot stay links; else they become folders with copies."),
  config: configSchema
    .default({})
    .describe(
      "The image's configuration, by Docker's names: Cmd, Env, and so on. Store paths named in it are in the image.",
    ),
  fromImage: text
    .nullable()
    .default(null)
    .describe(
      "The base image, whose configuration is inherited: a docker-archive, an OCI layout, or docker://NAME@DIGEST.",
    ),
  maxLayers: z
    .int()
    .default(100)
    .describe("The most layers, including those of the base image and that of the image's root."),
  strategy: z
    .enum(Object.keys(STRATEGIES) as [Strategy, ...Strategy[]])
    .default("balanced")
    .describe("How store paths are grouped into layers."),
  layeringPipeline: z
    .union([text, z.array(z.unknown())], "must be a list of steps, or the name of a file of JSON that has it")
    .nullable()
    .default(null)
    .describe(
      "Steps that group store paths into layers, in place of strategy and maxLayers: a list, or the name of a JSON file.",
    ),
  previous: z
    .union([text, planSchema], PLAN)
    .nullable()
    .default(null)
    .describe(
      "For strategy balanced: a previous image or plan, whose layers are kept where that costs little: an image's name, a plan as layers --json prints it, or the name of a file with one.",
    ),
  horizon: z
    .int()
    .min(0)
    .default(HORIZON)
    .describe(
      "With previous: how many changes the plan is to serve. A layer is changed only if that saves more bytes over so many changes than the new layers have.",
    ),
  history: z
    .array(z.union([text, planSchema], PLAN))
    .default([])
    .describe(
      "For strategy balanced: previous images or plans, oldest first, which show what changes often.",
    ),
  volatility: z
    .union([text, volatilitySchema], "must be a list of hints, or the name of a file of JSON that has it")
    .default([])
    .describe(
      "For strategy balanced: how often store paths change, such as [{ match: python3-*, volatility: 5 }].",
    ),
  created: text
    .default("1970-01-01T00:00:01Z")
    .describe("The image's creation time: ISO 8601, @SECONDS or now."),
  mtime: text
    .default("1970-01-01T00:00:01Z")
    .describe("The modification time of its files: ISO 8601, @SECONDS or now."),
  uid: id.default(0).describe("Owner of the store paths in the image."),
  gid: id.default(0).describe("Group of the store paths in the image."),
  uname: z.string().default("root").describe("Owner's name."),
  gname: z.string().default("root").describe("Group's name."),
  architecture: text
    .optional()
    .describe("Go's name, such as amd64 or arm64. Default: the base image's, or this machine's."),
  variant: text
    .optional()
    .describe("The variant of the architecture, such as v7 for arm. Default: the base image's."),
  extraCommands: z
    .string()
    .default("")
    .describe("A bash script that runs in the folder that becomes the image's root."),
  fakeRootCommands: z
    .string()
    .default("")
    .describe("A bash script that runs after extraCommands, under fakeroot, so that it can change owners."),
  enableFakechroot: z
    .boolean()
    .default(false)
    .describe("Whether fakeRootCommands has the image's root at /, by proot."),
  perms: permsSchema
    .default([])
    .describe("Modes and owners of what is in the image's root, by path and pattern."),
  includeNixDB: z.boolean().default(false).describe("Whether to include a Nix database of the store paths."),
  includeStorePaths: z
    .boolean()
    .default(true)
    .describe("Whether to include the store paths. Without them, bind-mount the host's store."),
  snapshotter: z
    .boolean()
    .default(false)
    .describe(
      "Whether the image is for containerd's nix-snapshotter, which mounts the host's store paths: it has empty places for them, and its manifest names them.",
    ),
  namedOnly: z
    .array(text)
    .default([])
    .describe(
      "Store paths that the image names but does not include, such as those that are built in a container.",
    ),
  compressor: z
    .enum(COMPRESSORS, { error: unknownCompressor })
    .default("gz")
    .describe("Compression of an archive in a file."),
  layerCompression: z
    .enum(COMPRESSORS, { error: unknownCompressor })
    .default("gz")
    .describe("Compression of layers in OCI layouts and registries."),
  layerCompressionLevel: z
    .int()
    .nullable()
    .default(null)
    .describe(
      "The level of layerCompression: 0 to 12 for gz, by zlib to 9 (default: 6), 1 to 19 for zstd (default: 3).",
    ),
  layerEncoder: z
    .enum(GZIP_ENCODERS)
    .default("libdeflate")
    .describe(
      "What compresses layers with gz: libdeflate, which is in laminix's addon, or zlib, which Node.js has. They make different bytes.",
    ),
  annotations: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe("Annotations of the manifest, in OCI layouts and registries."),
  passthru: z.record(z.string(), z.unknown()).default({}).describe("Kept on the result; has no effect."),
});

/** The spec as callers write it: everything but the name has a default. */
export type ImageSpec = z.input<typeof specSchema>;

/** A path, or files that are written down. */
export type ContentsEntry = string | Piece;

/** A spec with the defaults that follow from nothing but the spec, and the configuration as JSON that keeps what JavaScript's objects do not. */
export interface ResolvedSpec extends Omit<
  z.output<typeof specSchema>,
  "$schema" | "config" | "contents" | "copyToRoot"
> {
  readonly contents: readonly ContentsEntry[];
  readonly copyToRoot: readonly ContentsEntry[];
  readonly config: JsonObject;
  /** Of an image of one layer. */
  readonly runAsRoot?: RootScriptSpec;
}

/** A spec when it is known what its image runs on. */
export type PreparedSpec = ResolvedSpec & { readonly architecture: string };

/** The keys of a spec that decide how store paths are put into layers. */
export type LayeringSpec = Pick<
  PreparedSpec,
  | "name"
  | "architecture"
  | "variant"
  | "layeringPipeline"
  | "maxLayers"
  | "strategy"
  | "previous"
  | "horizon"
  | "history"
  | "volatility"
>;

/**
 * @param progress hears of what is perhaps not as intended
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_JSON
 */
export function resolveSpec(spec: ImageSpec, progress: Progress = SILENT): ResolvedSpec {
  return reading(spec, () => resolved(spec, progress));
}

/**
 * What a user's object is read as. A getter or a proxy may throw anything.
 * @throws {LaminixError} ERR_SPEC, and as `read`
 */
export function reading<S, T>(spec: S, read: (spec: S) => T): T {
  try {
    requireOptions(spec, "spec");
    return read(spec);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    throw new LaminixError("ERR_SPEC", "the image spec cannot be read", { cause });
  }
}

function resolved(spec: ImageSpec, { warn }: Progress): ResolvedSpec {
  // A configuration from a file is JSON already; one from JavaScript becomes it.
  const config = (spec.config ?? {}) as unknown as Json;
  const json = fromJs(config, "config");
  if (!isObject(json)) throw invalid("config", "config must be an object");
  const contents = resolveEntries(spec.contents, "contents");
  const copyToRoot = resolveEntries(spec.copyToRoot, "copyToRoot");
  const given = { ...spec, contents, copyToRoot, config: toJs(json) };
  const { $schema: _, ...data } = checked(specSchema, given, (key, message, issues) => {
    // A key that is missing is often one that was misspelt, so that is told first.
    const unknown = issues.find((issue) => issue.code === "unrecognized_keys");
    if (unknown) return unknownKey(unknown.keys[0] ?? "");
    const isMissing = issues[0]?.code === "invalid_type" && message.endsWith("received undefined");
    return invalid(key, isMissing ? `${key} is missing` : `${key}: ${message}`);
  });
  for (const warning of configWarnings(json)) warn(warning);
  checkLevel(data);
  if (data.snapshotter && spec.includeStorePaths === true)
    throw invalid("snapshotter", "snapshotter leaves the store paths out, and includeStorePaths is true");
  return {
    ...data,
    includeStorePaths: data.includeStorePaths && !data.snapshotter,
    contents: contents ?? [],
    copyToRoot: copyToRoot ?? [],
    config: json,
  };
}

function checkLevel({
  layerCompression,
  layerCompressionLevel: level,
  layerEncoder,
}: Pick<z.output<typeof specSchema>, "layerCompression" | "layerCompressionLevel" | "layerEncoder">): void {
  if (level === null) return;
  const levels = otherLevels(layerCompression, level, layerEncoder);
  const key = "layerCompressionLevel";
  if (levels !== undefined) throw invalid(key, `${key}: ${String(level)} should be ${levels}`);
}

/** Pieces in place of what stands for them. */
function resolveEntries(given: ImageSpec["contents"], key: string): ContentsEntry[] | undefined {
  if (given === undefined || given === null) return undefined;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.map((one, i) => {
    const at = `${key}.${String(i)}`;
    if (typeof one === "object") return resolvePiece(one, at);
    if (typeof one === "string" && one !== "") return one;
    throw invalid(at, `${at}: an entry is a path, or a piece`);
  });
}

function invalid(key: string, message: string): LaminixError {
  return invalidSpec(key, message, { hint: "laminix/spec.schema.json describes every key" });
}

function unknownKey(key: string): LaminixError {
  const nearest = nearestWord(key, Object.keys(specSchema.shape));
  return new LaminixError(
    "ERR_SPEC_UNKNOWN_KEY",
    `the image spec has an unknown key ${JSON.stringify(key)}`,
    {
      details: { key, nearest },
      ...(nearest !== undefined && { hint: `the nearest known key is ${JSON.stringify(nearest)}` }),
    },
  );
}
