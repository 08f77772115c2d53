/** Images that were there before, as plans of layers: as `laminix layers --json` prints them, or as an image's history tells. */
import { statSync } from "node:fs";
import { LaminixError, named } from "../errors.js";
import { firstBytes } from "../files/optionalFile.js";
import { storeLayersInHistory } from "../image/history.js";
import type { Digest } from "../bytes/digest.js";
import { type Image, knownConfig, type NamedImage } from "../image/image.js";
import { DOCKER, familiarReference } from "../manifests/reference.js";
import { jsonOrFile } from "../spec/jsonOrFile.js";
import { imagesSchema, layersSchema } from "../spec/plans.js";
import { type StorePath, storeDirOf } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";
import type { LayeringSpec } from "../spec/spec.js";

/** What decides which one is meant, where there are several. */
type WantedImage = Pick<LayeringSpec, "name" | "architecture" | "variant">;

/**
 * Store paths, layer by layer.
 * @param given a plan, the name of a file of JSON that has it, or that of an image
 * @param key of the spec, for messages
 * @param planned the image that is planned
 * @throws {LaminixError} ERR_SPEC, ERR_FILE_READ, ERR_JSON; as `planOfImage`
 */
export async function readPlan(
  given: unknown,
  key: string,
  planned: WantedImage,
  options: OpeningOptions,
): Promise<StorePath[][]> {
  if (typeof given === "string" && isImage(given)) return planOfImage(given, key, planned, options);
  const { signal } = options;
  const json = await jsonOrFile(given, key, { signal, otherwise: ", nor an image", hint: FORMS });
  const where = typeof given === "string" ? given : key;
  const several = imagesSchema.safeParse(json).data?.images.map((value) => ({ names: [value.name], value }));
  const hint = 'an element of its "images" is a plan by itself';
  const one = several ? imageNamed(several, { name: planned.name, where, key, hint }) : json;
  const layers = layersSchema.safeParse(one).data?.layers.map(({ paths }) => [...paths] as StorePath[]);
  const wrong = layers?.flat().find((path) => storeDirOf(path) === undefined);
  if (layers && wrong === undefined) return layers;
  const what = wrong === undefined ? "it has no layers with paths" : `${wrong} is no store path`;
  throw new LaminixError("ERR_SPEC", `${where} is not a plan of layers: ${what}`, {
    details: { key },
    hint: "write one with: laminix layers … --json",
  });
}

const FORMS =
  "a plan is what laminix layers … --json prints; an image is a docker-archive, an OCI layout, or docker://REFERENCE";

/** JSON has none of these (RFC 8259, section 7), and every archive begins with some. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f]/;

/** Whether a name is that of an image (in a registry, a folder or an archive), and not of a file of JSON. */
function isImage(name: string): boolean {
  if (name.startsWith(DOCKER)) return true;
  try {
    const stats = statSync(name);
    // What a pipe has can be read but once.
    return stats.isDirectory() || (stats.isFile() && CONTROLS.test(firstBytes(name, 512)));
  } catch {
    return false; // reading it will tell why
  }
}

/**
 * The manifest and the configuration are read, and no layer; a compressed archive has to be unpacked for them.
 * @param name what `openImages` opens
 * @param key of the spec, for messages
 * @returns store paths, layer by layer
 * @throws {LaminixError} as `openImages`; ERR_SPEC where the image tells of no layer of store paths, or of several images
 *   none is meant
 */
async function planOfImage(
  name: string,
  key: string,
  wanted: WantedImage,
  options: OpeningOptions,
): Promise<StorePath[][]> {
  const { plan, digest } = await toldPlan(name, key, wanted, options).catch((error: unknown) => {
    throw explained(error, name, key);
  });
  if (plan.length === 0) {
    throw new LaminixError("ERR_SPEC", `${name}, named by ${key}, tells of no layer of store paths`, {
      details: { key, image: name },
      hint: "the history of what laminix and nixpkgs' streamLayeredImage make tells them; for other images give a plan, as laminix layers … --json prints it",
    });
  }
  if (digest !== undefined && !name.includes("@"))
    options.progress.note(`${name}, named by ${key}, is ${digest}`);
  return plan;
}

/** What an image tells of its layers. */
export interface ToldPlan {
  /** Store paths, layer by layer; empty where it tells of no layer of store paths. */
  readonly plan: StorePath[][];
  /** Of what a reference to a registry leads to. */
  readonly digest: Digest | undefined;
}

/**
 * @param name what `openImages` opens
 * @param key of the spec, for messages
 * @throws {LaminixError} as `openImages`; ERR_SPEC for several images of which none is meant
 */
export async function toldPlan(
  name: string,
  key: string,
  { name: called, architecture, variant }: WantedImage,
  { signal, registries, maxUnpacked }: OpeningOptions,
): Promise<ToldPlan> {
  // The readers are loaded for those who need them.
  const { openImages } = await import("../transports/open.js");
  const platform = { os: "linux", architecture, variant };
  using opened = await openImages(name, { signal, platform, registries, maxUnpacked });
  const hint = "copy one of them out, as by skopeo copy docker-archive:FILE:NAME:TAG oci:FOLDER";
  const all = distinct(opened.images);
  const image = imageNamed(all, { name: called, where: name, key, hint });
  return { plan: storeLayersInHistory(knownConfig(image).json, image.layers), digest: opened.digest };
}

/** Each image once, with all its names. */
function distinct(images: readonly NamedImage[]): Named<Image>[] {
  const digestOf = ({ image }: NamedImage): Digest => knownConfig(image).digest;
  return [...new Map(images.map((named) => [digestOf(named), named.image]))].map(([digest, value]) => ({
    names: images.flatMap((named) => (digestOf(named) === digest ? named.references : [])),
    value,
  }));
}

/** A registry's error where the image is not there says what to do before there is one. */
function explained(error: unknown, name: string, key: string): unknown {
  if (!(error instanceof LaminixError) || error.details["status"] !== 404) return error;
  return new LaminixError(error.code, `${name}, named by ${key}, is not there: ${error.message}`, {
    cause: error,
    details: error.details,
    hint: `before the first push there is none: leave ${key} out then; else check the names of the repository and the tag`,
  });
}

interface Named<T> {
  /** Repositories, with tags or without. */
  readonly names: readonly string[];
  readonly value: T;
}

/** How a choice is told of. */
interface Choice {
  /** Of the image that is planned. */
  readonly name: string;
  /** What has them all. */
  readonly where: string;
  /** Of the spec. */
  readonly key: string;
  /** How to give one by itself. */
  readonly hint: string;
}

/**
 * Of several images, or plans of several, the one that is called as the image that is planned.
 * @param all if there is but one, it need not be called so
 * @throws {LaminixError} ERR_SPEC where none is called so, or several are
 */
function imageNamed<T>(all: readonly Named<T>[], { name, where, key, hint }: Choice): T {
  const wanted = repositoryOf(name);
  const called = all.length === 1 ? all : all.filter(({ names }) => names.map(repositoryOf).includes(wanted));
  const [only] = called;
  if (only && called.length === 1) return only.value;
  const names = all.map((each) => each.names.map(named).join(" ") || "one without a name");
  const how = only ? "more than one of them is" : "none of them is";
  const message =
    names.length === 0
      ? `${where} has no images`
      : `${where} has several images, and ${how} called ${name}: ${names.join(", ")}`;
  throw new LaminixError("ERR_SPEC", message, { details: { key, name, names }, hint });
}

function repositoryOf(name: string): string {
  return familiarReference(name.toLowerCase().replace(/:[^/:]*$/, ""));
}
