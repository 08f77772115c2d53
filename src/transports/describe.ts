/** Images in facts, as `laminix inspect --json` prints them. */
import { textIn } from "../image/fields.js";
import { type Json, JsonNumber, jsonObject, type JsonObject } from "../bytes/json.js";
import type { Descriptor } from "../image/descriptor.js";
import { knownConfig, type NamedImage } from "../image/image.js";
import { knownDiffId, type Layer, type LayerOptions } from "../image/layer.js";

export async function describeImages(
  { images }: { readonly images: readonly NamedImage[] },
  options: LayerOptions = {},
): Promise<JsonObject> {
  const described: Json[] = [];
  for (const image of images) described.push(await describe(image, options));
  return jsonObject({ images: described });
}

/** What a manifest says of each layer, or would, and where else those lie that may not be passed on. */
export async function layerDescriptors(
  layers: readonly Layer[],
  options: LayerOptions,
): Promise<Descriptor[]> {
  const descriptors: Descriptor[] = [];
  for (const { source } of layers) {
    if (source.kind === "stored") descriptors.push(await source.descriptor(options));
    else if (source.kind !== "made") descriptors.push(source.packed);
  }
  return descriptors;
}

async function describe({ image, references }: NamedImage, options: LayerOptions): Promise<Json> {
  const { layers, manifest } = image;
  const { json, digest: configDigest } = knownConfig(image);
  const descriptors = await layerDescriptors(layers, options);
  return jsonObject({
    tags: references,
    ...(manifest && { digest: manifest.digest }),
    configDigest,
    architecture: textIn(json, "architecture") ?? null,
    os: textIn(json, "os") ?? null,
    config: json.get("config") ?? null,
    layers: layers.map((layer, i) => described(layer, descriptors[i] as Descriptor)),
  });
}

function described(layer: Layer, { digest, size, mediaType }: Descriptor): Json {
  const { source } = layer;
  return jsonObject({
    digest,
    diffId: knownDiffId(layer) ?? null,
    size: new JsonNumber(String(size)),
    mediaType,
    ...(source.kind === "foreign" && { urls: source.urls }),
  });
}
