/** An image out of a description: what a spec says, and the layers that are made for it. */
import { type Json, type JsonObject, formatJson, jsonObject } from "../bytes/json.js";
import type { Digest } from "../bytes/digest.js";
import { CONTENT_KEY } from "./annotations.js";
import type { Annotations } from "./descriptor.js";
import { objectIn } from "./fields.js";
import { type ConfigFile, configFile, type Image } from "./image.js";
import { contentKeyOf, type Layer } from "./layer.js";
import { UNKNOWN } from "./platform.js";
import { reprList } from "./python.js";

export interface ImageDescription {
  /** What a container of it runs, by Docker's names: Cmd, Env, and so on. */
  readonly config: JsonObject;
  /** As JSON, since a configuration that nixpkgs wrote is passed on as it is. */
  readonly architecture: Json;
  readonly variant?: string | undefined;
  /** ISO 8601. */
  readonly created: string;
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** What is known of the lowest layers. */
  readonly inherited?: Inherited | undefined;
  readonly annotations?: Annotations | undefined;
}

/** The history of a base image. */
export interface Inherited {
  /** Entries, those that tell of no layer among them. */
  readonly history: readonly Json[];
  /** How many layers they are about. */
  readonly layers: number;
}

/** Its configuration file is key for key and byte for byte what nixpkgs' image builder writes. */
export function describedImage(description: ImageDescription): Image {
  const { layers, architecture, variant, annotations = new Map<string, string>() } = description;
  const known = typeof architecture === "string" ? architecture : UNKNOWN;
  return {
    layers,
    platform: { os: "linux", architecture: known, variant },
    annotations,
    config: (diffIds) => written(configJson(description, diffIds)),
  };
}

/**
 * The image whose configuration has a label with the layers' content keys, bottom first, with nothing for a layer without
 * one: Docker's manifests have no annotations that could tell what layers are made of.
 */
export function withContentKeys(image: Image): Image {
  const keys = image.layers.map((layer) => contentKeyOf(layer) ?? "").join(",");
  return {
    ...image,
    config: (diffIds) => {
      const { json } = image.config(diffIds);
      const config = objectIn(json, "config");
      const labels = new Map<string, Json>([...objectIn(config, "Labels"), [CONTENT_KEY, keys]]);
      return written(new Map([...json, ["config", new Map([...config, ["Labels", labels]])]]));
    },
  };
}

function configJson(
  { config, architecture, variant, created, layers, inherited }: ImageDescription,
  diffIds: readonly Digest[],
): JsonObject {
  const own = layers
    .slice(inherited?.layers ?? 0)
    .map((layer) => jsonObject({ created, comment: `store paths: ${reprList(layer.sources)}` }));
  return jsonObject({
    created,
    architecture,
    ...(variant !== undefined && { variant }),
    os: "linux",
    config,
    rootfs: jsonObject({ diff_ids: diffIds, type: "layers" }),
    history: [...(inherited?.history ?? []), ...own],
  });
}

function written(json: JsonObject): ConfigFile {
  return configFile(json, Buffer.from(formatJson(json, 4)));
}
