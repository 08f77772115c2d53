/** An image as a value: what is in it, not what it is called or where it goes. */
import type { JsonObject } from "../bytes/json.js";
import { type Digest, digestOf } from "../bytes/digest.js";
import type { Annotations, Descriptor } from "./descriptor.js";
import { knownDiffId, type Layer } from "./layer.js";
import type { Platform } from "./platform.js";

/** The configuration of an image. Format: Docker image specification 1.3, "Image JSON Description". */
export interface ConfigFile {
  readonly json: JsonObject;
  readonly bytes: Buffer;
  readonly digest: Digest;
}

/** A manifest as it lies where its image comes from. */
export interface ImageManifest extends Descriptor {
  readonly bytes: Buffer;
  /** The media type of its configuration. */
  readonly configType: string;
}

export interface Image {
  /** Bottom first. */
  readonly layers: readonly Layer[];
  readonly platform: Platform;
  /** Those of a manifest that is made of it. */
  readonly annotations: Annotations;
  /** @param diffIds of the layers; an image that lies somewhere has its configuration already */
  readonly config: (diffIds: readonly Digest[]) => ConfigFile;
  /** Absent where no manifest leads to it: in a docker-archive, and where it is built. */
  readonly manifest?: ImageManifest | undefined;
}

/** What goes to a transport, or comes from one. */
export interface NamedImage {
  readonly image: Image;
  /** `name:tag`s; a layout may have others. */
  readonly references: readonly string[];
}

/** The configuration of an image that lies somewhere: its layers' diffIDs are known. */
export function knownConfig({ layers, config }: Image): ConfigFile {
  return config(layers.flatMap((layer) => knownDiffId(layer) ?? []));
}

export function configFile(json: JsonObject, bytes: Buffer): ConfigFile {
  return { json, bytes, digest: digestOf(bytes) };
}
