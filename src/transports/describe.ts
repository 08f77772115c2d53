/** Images in facts, as `laminix inspect --json` prints them. */
import { textIn } from "../image/fields.js";
import { type Json, JsonNumber, type JsonObject } from "../bytes/json.js";
import type { StoredImage, StoredImages } from "../image/storedImage.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

export async function describeImages({ images }: StoredImages, options: Options = {}): Promise<JsonObject> {
  const described: Json[] = [];
  for (const image of images) described.push(await describe(image, options));
  return object({ images: described });
}

async function describe(
  { references, configDigest, configFile, layers, manifest }: StoredImage,
  options: Options,
): Promise<Json> {
  const descriptors: Json[] = [];
  for (const layer of layers) {
    const { digest, size, mediaType } = await layer.descriptor(options);
    descriptors.push(
      object({ digest, diffId: layer.expected, size: new JsonNumber(String(size)), mediaType }),
    );
  }
  return object({
    tags: references,
    ...(manifest && { digest: manifest.digest }),
    configDigest,
    architecture: textIn(configFile, "architecture") ?? null,
    os: textIn(configFile, "os") ?? null,
    config: configFile.get("config") ?? null,
    layers: descriptors,
  });
}

function object(entries: Readonly<Record<string, Json>>): JsonObject {
  return new Map(Object.entries(entries));
}
