/**
 * What an image is asked for with. Keys and defaults are those of nixpkgs' `dockerTools.streamLayeredImage`.
 */
import { z } from "zod";
import { requireOptions } from "../arguments.js";
import { COMPRESSORS, otherLevels } from "../compress/compressors.js";
import { LaminixError, nearestWord } from "../errors.js";
import { fromJs, isObject, type Json, type JsonObject } from "../bytes/json.js";
import { STRATEGIES, type Strategy } from "../layering/plan.js";
import type { RootScriptSpec } from "../vm/rootScript.js";
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
    .describe("The tag; unless given, a hash of all that decides the image's bytes."),
  contents: entries
    .default([])
    .describe(
      "Store paths whose files are linked into the image's root, plain folders whose files are copied there, and pieces.",
    ),
  copyToRoot: entries
    .default([])
    .describe("What is copied into the image's root: store paths, plain folders and pieces."),
  keepContentsDirlinks: z
    .boolean()
    .default(false)
    .describe("Whether links to folders in copyToRoot stay links; else they become folders with copies."),
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("What a container runs, by Docker's names. Store paths named anywhere in it are in the image."),
  fromImage: text
    .nullable()
    .default(null)
    .describe(
      "An image whose layers come below and whose configuration is inherited: a docker-archive or an OCI layout.",
    ),
  maxLayers: z
    .int()
    .default(100)
    .describe("How many layers at the most, those of the base image and the one for contents among them."),
  strategy: z
    .enum(Object.keys(STRATEGIES) as [Strategy, ...Strategy[]])
    .default("auto")
    .describe("How store paths are put into layers."),
  layeringPipeline: z
    .union([text, z.array(z.unknown())], "must be a list of steps, or the name of a file of JSON that has it")
    .nullable()
    .default(null)
    .describe(
      "Steps that put store paths into layers, in place of strategy and maxLayers: a list, or the name of a file of JSON.",
    ),
  previous: z
    .union([text, planSchema], PLAN)
    .nullable()
    .default(null)
    .describe(
      "For strategy balanced: a previous image, whose layers are kept where little is lost by it: the name of one, its plan as layers --json prints it, or the name of a file of that.",
    ),
  history: z
    .array(z.union([text, planSchema], PLAN))
    .default([])
    .describe(
      "For strategy balanced: previous images or their plans, the oldest first, which tell what changes often.",
    ),
  volatility: z
    .union([text, volatilitySchema], "must be a list of hints, or the name of a file of JSON that has it")
    .default([])
    .describe(
      "For strategy balanced: how often store paths change, such as [{ match: python3-*, volatility: 5 }].",
    ),
  created: text
    .default("1970-01-01T00:00:01Z")
    .describe("When the image was made, as its configuration tells it: ISO 8601, or now."),
  mtime: text.default("1970-01-01T00:00:01Z").describe("When its files were changed: ISO 8601, or now."),
  uid: id.default(0).describe("Owner of the store paths in the image."),
  gid: id.default(0).describe("Group of the store paths in the image."),
  uname: z.string().default("root").describe("Owner's name."),
  gname: z.string().default("root").describe("Group's name."),
  architecture: text
    .optional()
    .describe("By Go's names: amd64, arm64. The base image's, or this machine's, unless given."),
  variant: text.optional().describe("Of the architecture, such as v7 of arm."),
  extraCommands: z
    .string()
    .default("")
    .describe(
      "A bash script that runs in the folder that becomes the image's root, before it becomes a layer.",
    ),
  fakeRootCommands: z
    .string()
    .default("")
    .describe("The same, after it, under fakeroot: it can change owners."),
  enableFakechroot: z
    .boolean()
    .default(false)
    .describe("Whether fakeRootCommands has the image's root at /, by proot."),
  perms: permsSchema
    .default([])
    .describe("Modes and owners of what is in the image's root, by path and pattern."),
  includeNixDB: z
    .boolean()
    .default(false)
    .describe("Whether the image has a Nix database that knows the closures of contents and copyToRoot."),
  includeStorePaths: z
    .boolean()
    .default(true)
    .describe("Whether the store paths are in the image; without them, bind-mount the host's store."),
  namedOnly: z
    .array(text)
    .default([])
    .describe(
      "Store paths that the image names and does not have, such as those that are built in a container.",
    ),
  compressor: z
    .enum(COMPRESSORS, { error: unknownCompressor })
    .default("gz")
    .describe("How an archive in a file is compressed."),
  layerCompression: z
    .enum(COMPRESSORS, { error: unknownCompressor })
    .default("gz")
    .describe("How layers are compressed where they are blobs of their own: in OCI layouts and registries."),
  layerCompressionLevel: z
    .int()
    .nullable()
    .default(null)
    .describe("Of layerCompression: 0 to 9 for gz, 6 unless given; 1 to 19 for zstd, 3 unless given."),
  annotations: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe("Of the image's manifest, which OCI layouts and registries have, by key."),
  passthru: z.record(z.string(), z.unknown()).default({}).describe("Kept on the result; has no effect."),
});

/** The spec as callers write it: everything but the name has a default. */
export type ImageSpec = z.input<typeof specSchema>;

/** A path, or files that are written down. */
export type ContentsEntry = string | Piece;

/** A spec with the defaults that follow from nothing but the spec, and the configuration as JSON that keeps what JavaScript's objects do not. */
export interface ResolvedSpec extends Omit<
  z.output<typeof specSchema>,
  "config" | "contents" | "copyToRoot"
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
  | "history"
  | "volatility"
>;

/**
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_JSON
 */
export function resolveSpec(spec: ImageSpec): ResolvedSpec {
  return reading(spec, resolved);
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

function resolved(spec: ImageSpec): ResolvedSpec {
  // A configuration from a file is JSON already; one from JavaScript becomes it.
  const config = (spec.config ?? {}) as unknown as Json;
  const json = fromJs(config, "config");
  if (!isObject(json)) throw invalid("config", "config must be an object");
  const contents = resolveEntries(spec.contents, "contents");
  const copyToRoot = resolveEntries(spec.copyToRoot, "copyToRoot");
  const given = { ...spec, contents, copyToRoot, config: {} };
  const data = checked(specSchema, given, (key, message, issues) => {
    // A key that is missing is often one that was misspelt, so that is told first.
    const unknown = issues.find((issue) => issue.code === "unrecognized_keys");
    if (unknown) return unknownKey(unknown.keys[0] ?? "");
    const isMissing = issues[0]?.code === "invalid_type" && !(key in spec);
    return invalid(key, isMissing ? `${key} is missing` : `${key}: ${message}`);
  });
  checkLevel(data);
  return { ...data, contents: contents ?? [], copyToRoot: copyToRoot ?? [], config: json };
}

function checkLevel({
  layerCompression,
  layerCompressionLevel: level,
}: Pick<z.output<typeof specSchema>, "layerCompression" | "layerCompressionLevel">): void {
  if (level === null) return;
  const levels = otherLevels(layerCompression, level);
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
