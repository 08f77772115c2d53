/** The tag of an image for which none was asked. */
import { formatJson } from "../image/json.js";
import { hashOf } from "../image/layer.js";
import type { LayerPlan } from "../layering/graph.js";
import type { Closure } from "../store/closure.js";
import { toNix32 } from "../store/nix32.js";
import type { Customisation } from "./customisation/customisation.js";
import type { ImageParts } from "./plan.js";
import type { ResolvedSpec } from "./spec.js";

/** What `now` was, where the spec says so. */
export interface ImageTimes {
  /** ISO 8601. */
  readonly created: string;
  /** Unix seconds. */
  readonly mtime: number;
}

/** 32 characters of Nix's base 32, from all that decides the image's bytes. */
export async function tagOf(
  spec: ResolvedSpec,
  plan: LayerPlan,
  parts: ImageParts,
  times: ImageTimes,
): Promise<string> {
  const { base, closure, customisation } = parts;
  const { specVersion: _, passthru: __, tag: ___, fromImage: ____, compressor: _____, ...rest } = spec;
  // These decide through the layers that are made by them.
  const {
    layeringPipeline: ______,
    previous: _______,
    history: ________,
    volatility: _________,
    ...planned
  } = rest;
  const { contents: __________, copyToRoot: ___________, annotations, ...others } = planned;
  // Neither has a say in what is in the layers, nor in a docker-archive.
  const { layerCompression: ____________, layerCompressionLevel: _____________, ...image } = others;
  const deciding = Object.keys(annotations).length === 0 ? image : { ...image, annotations };
  const paths = plan.map((layer) => layer.map((path) => [path, closure.get(path)?.narHash]));
  const config = formatJson(deciding.config);
  const root = await rootFacts(customisation, closure);
  const hash = hashOf([{ ...deciding, ...times, config }, paths, base?.image.configDigest, root]);
  return toNix32(Buffer.from(hash, "hex").subarray(0, 20));
}

async function rootFacts({ layer, mustBeMade, sources }: Customisation, closure: Closure): Promise<unknown> {
  if (layer.contentKey !== undefined) return layer.contentKey;
  // What commands and files outside the store make of the root shows only in its bytes.
  if (mustBeMade) return [sources, (await layer.diffId()).diffId];
  return [sources, [...closure].map(({ path, narHash }) => [path, narHash])];
}
