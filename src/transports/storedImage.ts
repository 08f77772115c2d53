/** An image as it lies on this disk. */
import type { JsonObject } from "../image/json.js";
import type { Digest } from "../image/layer.js";
import type { StoredLayer } from "./storedLayer.js";

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
}

/** Images that can be read until they are closed. */
export interface StoredImages extends Disposable {
  readonly images: readonly StoredImage[];
  /** May be called again. */
  close(): void;
}
