/** An image as it lies on this disk. */
import type { JsonObject } from "../image/json.js";
import type { Digest } from "../image/layer.js";
import type { Platform } from "./platform.js";
import type { StoredLayer } from "./storedLayer.js";

/** A manifest as it lies in a layout. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
  /** Of its configuration. */
  readonly configType: string;
  /** Of each layer, bottom first. */
  readonly layerTypes: readonly string[];
}

export interface StoredImage {
  /** `name:tag`s; a layout may have others. */
  readonly references: readonly string[];
  readonly configDigest: Digest;
  /** The configuration file. */
  readonly configFile: JsonObject;
  /** The same, byte for byte. */
  readonly configBytes: Buffer;
  /** Bottom first. */
  readonly layers: readonly StoredLayer[];
  /** What it runs on. */
  readonly platform: Platform;
  /** Absent where there is none, as in a docker-archive. */
  readonly manifest?: StoredManifest | undefined;
}

/** Images that can be read until they are closed. */
export interface StoredImages extends Disposable {
  readonly images: readonly StoredImage[];
  /** May be called again. */
  close(): void;
}
