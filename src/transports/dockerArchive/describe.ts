/** An archive in facts, as `laminix inspect --json` prints them. */
import type { Json, JsonObject } from "../../image/json.js";
import { JsonNumber } from "../../image/json.js";
import type { ArchivedImage, DockerArchive } from "./read.js";

const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar";

export async function describeArchive(archive: DockerArchive): Promise<JsonObject> {
  return object({ images: await Promise.all(archive.images.map(describe)) });
}

async function describe({ references, configDigest, configFile, layers }: ArchivedImage): Promise<Json> {
  const digests = await Promise.all(layers.map((layer) => layer.diffId()));
  return object({
    tags: references,
    configDigest,
    architecture: configFile.get("architecture") ?? null,
    os: configFile.get("os") ?? null,
    config: configFile.get("config") ?? null,
    layers: digests.map(({ diffId, size }) =>
      // Layers in a docker-archive are not compressed, so both digests are the same.
      object({ digest: diffId, diffId, size: new JsonNumber(String(size)), mediaType: LAYER_TYPE }),
    ),
  });
}

function object(entries: Readonly<Record<string, Json>>): JsonObject {
  return new Map(Object.entries(entries));
}
