/** The tag of an image for which none was asked. */
import { formatJson } from "../image/json.js";
import { hashOf } from "../image/layer.js";
import type { LayerPlan } from "../layering/graph.js";
import { toNix32 } from "../store/nix32.js";
import type { ImageParts } from "./plan.js";
import type { ResolvedSpec } from "./spec.js";

/** 32 characters of Nix's base 32, from all that decides the image's bytes. */
export async function tagOf(spec: ResolvedSpec, plan: LayerPlan, parts: ImageParts): Promise<string> {
  const { base, closure, contents, customisation } = parts;
  const { specVersion: _, passthru: __, tag: ___, fromImage: ____, compressor: _____, ...rest } = spec;
  // The pipeline decides through the layers that it makes.
  const { contents: ______, copyToRoot: _______, layeringPipeline: ________, annotations, ...others } = rest;
  // Neither has a say in what is in the layers, nor in a docker-archive.
  const { layerCompression: _________, layerCompressionLevel: __________, ...image } = others;
  const deciding = Object.keys(annotations).length === 0 ? image : { ...image, annotations };
  const paths = plan.map((layer) => layer.map((path) => [path, closure.get(path)?.narHash]));
  // What commands and files outside the store make of the root shows only in its bytes.
  const { layer, mustBeMade } = customisation;
  const root = layer.contentKey ?? (mustBeMade ? (await layer.diffId()).diffId : contents);
  const config = formatJson(deciding.config);
  const hash = hashOf([{ ...deciding, config }, paths, base?.image.configDigest, root]);
  return toNix32(Buffer.from(hash, "hex").subarray(0, 20));
}
