/** Images in facts, as `laminix inspect --json` prints them. */
import { textIn } from "../image/fields.js";
import { type Json, JsonNumber, jsonObject, type JsonObject } from "../bytes/json.js";
import type { Descriptor } from "../image/descriptor.js";
import type { DigestCache } from "../image/digestCache.js";
import { knownConfig, type NamedImage } from "../image/image.js";
import { knownDiffId, type Layer, type LayerOptions } from "../image/layer.js";
import { layerContents, type LayerContents, type PathInLayer } from "./layerContents.js";

export interface DescribeOptions extends LayerOptions {
  /** Whether layers that lie packed are unpacked, or fetched, for the sizes of their store paths. */
  readonly unpack?: boolean;
  /** Remembers what has compressed layers on this machine. */
  readonly cache?: DigestCache | undefined;
}

export async function describeImages(
  { images }: { readonly images: readonly NamedImage[] },
  options: DescribeOptions = {},
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

async function describe({ image, references }: NamedImage, options: DescribeOptions): Promise<Json> {
  const { layers, manifest } = image;
  const { json, digest: configDigest } = knownConfig(image);
  const descriptors = await layerDescriptors(layers, options);
  const contents: LayerContents[] = [];
  for await (const each of layerContents(image, { unpack: false, ...options })) contents.push(each);
  return jsonObject({
    tags: references,
    ...(manifest && { digest: manifest.digest }),
    configDigest,
    architecture: textIn(json, "architecture") ?? null,
    os: textIn(json, "os") ?? null,
    config: json.get("config") ?? null,
    layers: layers.map((layer, i) => described(layer, descriptors[i] as Descriptor, contents[i], options)),
  });
}

function described(
  layer: Layer,
  { digest, size, mediaType }: Descriptor,
  { createdBy, storePaths }: Partial<LayerContents> = {},
  { cache }: DescribeOptions,
): Json {
  const { source } = layer;
  const encoder = cache?.encoderOf(digest);
  return jsonObject({
    digest,
    diffId: knownDiffId(layer) ?? null,
    size: new JsonNumber(String(size)),
    mediaType,
    ...(source.kind === "foreign" && { urls: source.urls }),
    ...(encoder !== undefined && { encoder }),
    ...(createdBy !== undefined && { createdBy }),
    ...(storePaths && { storePaths: storePaths.map(describedPath) }),
  });
}

function describedPath({ path, name, version, size: bytes }: PathInLayer): Json {
  const size = bytes === undefined ? null : new JsonNumber(String(bytes));
  return jsonObject({ path, name, version, size });
}
