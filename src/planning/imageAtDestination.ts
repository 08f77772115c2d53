/** The image that is at another one's destination now, and the plan that its history tells. */
import { LaminixError } from "../errors.js";
import { storeLayersInComments } from "../image/history.js";
import { pushTargets } from "../manifests/pushTargets.js";
import { DOCKER, formatReference } from "../manifests/reference.js";
import type { PreparedSpec } from "../spec/spec.js";
import type { StorePath } from "../store/storePath.js";
import type { OpeningOptions } from "./buildOptions.js";
import type { Destination, EngineDestination, RegistryDestination } from "./destination.js";
import { toldPlan } from "./previousImages.js";

/** An image that was there before. */
export interface PreviousImage {
  /** Its name there, with the tag. */
  readonly image: string;
  /** What the name leads to in a registry; in an engine, the image's ID. */
  readonly digest: string;
}

interface Found extends PreviousImage {
  /** Store paths, layer by layer. */
  readonly plan: readonly (readonly StorePath[])[];
}

export interface ImageAtDestination {
  /** `null` where there is none whose history names store paths. */
  readonly previous: PreviousImage | null;
  /** As a spec has it. One without layers is that of the first image of a chain. */
  readonly plan: { readonly layers: readonly { readonly paths: readonly StorePath[] }[] };
}

type WantedImage = Pick<PreparedSpec, "name" | "tag" | "architecture" | "variant">;

/**
 * A note tells what was found, or why nothing was.
 * @throws {LaminixError} ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH and ERR_REGISTRY_UNREACHABLE, or ERR_ENGINE_HOST,
 *   ERR_ENGINE and ERR_ENGINE_UNREACHABLE
 */
export async function imageAtDestination(
  destination: Destination,
  wanted: WantedImage,
  options: OpeningOptions,
): Promise<ImageAtDestination> {
  const { note } = options.progress;
  const found =
    "engine" in destination
      ? await inEngine(destination, wanted, options)
      : await inRegistry(destination, wanted, options);
  if (typeof found === "string") {
    note(`planned without a previous image: ${found}`);
    return { previous: null, plan: { layers: [] } };
  }
  const { plan, image, digest } = found;
  note(`planned after ${image}, which is ${digest}`);
  return { previous: { image, digest }, plan: { layers: plan.map((paths) => ({ paths })) } };
}

/** @returns the first of use under one of the tags, or why none is */
async function inRegistry(
  { reference: text, tags: more = [] }: RegistryDestination,
  wanted: WantedImage,
  options: OpeningOptions,
): Promise<Found | string> {
  const { reference, tags } = pushTargets(text, more);
  const reasons: string[] = [];
  for (const tag of tags) {
    const image = formatReference({ ...reference, tag });
    try {
      const { plan, digest = "" } = await toldPlan(`${DOCKER}${image}`, "previous", wanted, options);
      if (plan.length > 0) return { plan, image, digest };
      reasons.push(withoutPlan(image));
    } catch (error) {
      if (!(error instanceof LaminixError)) throw error;
      const { code, details, message } = error;
      if (details["status"] === 404) reasons.push(`${image} is not there`);
      else if (NO_IMAGE.has(code)) reasons.push(message);
      else throw error;
    }
  }
  return reasons.join("; ");
}

/** What is there is no image, or none for the platform. */
const NO_IMAGE: ReadonlySet<string> = new Set(["ERR_ARCHIVE", "ERR_JSON", "ERR_UNSUPPORTED"]);

const withoutPlan = (image: string): string => `the history of ${image} names no layer of store paths`;

/** @returns the image with the spec's name and tag; without a tag, the newest of that name; or why it is of no use */
async function inEngine(
  { engine, host, environment = process.env }: EngineDestination,
  { name, tag }: WantedImage,
  { signal }: OpeningOptions,
): Promise<Found | string> {
  // Loaded for those who need it.
  const { EngineClient } = await import("../transports/engine/client.js");
  const { engineHost } = await import("../transports/engine/host.js");
  const { historyComments, inspectImage } = await import("../transports/engine/images.js");
  const { loadStrategy } = await import("../transports/engine/loadStrategy.js");
  const { newestReference } = await import("../transports/engine/newestReference.js");
  await using client = new EngineClient(engineHost({ engine, host, environment }), { environment });
  const strategy = await loadStrategy(client, { signal });
  const repository = strategy.listed(name.toLowerCase());
  const image = tag === null ? await newestReference(client, repository, { signal }) : `${repository}:${tag}`;
  const there = image === undefined ? undefined : await inspectImage(client, image, { signal });
  if (image === undefined || !there) return `${strategy.name} has no ${image ?? repository}`;
  const plan = storeLayersInComments(await historyComments(client, there.id, { signal }));
  return plan.length > 0 ? { plan, image, digest: there.id } : withoutPlan(image);
}
