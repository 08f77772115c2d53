/** An image that is somewhere already: on this disk, or in a registry. */
import type { RandomAccess } from "../bytes/bytes.js";
import type { JsonObject } from "../bytes/json.js";
import type { Layer, LayerOptions, PackedLayer, StoredOptions } from "./layer.js";
import type { Digest } from "../bytes/digest.js";
import type { Platform } from "./platform.js";

/** A layer as it lies, in facts. */
export interface StoredDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface ReadyLayer extends Layer {
  /** What the image's configuration says. */
  readonly expected: Digest;
  readonly asStored: PackedLayer | undefined;
  stored(options?: StoredOptions): Promise<RandomAccess>;
  /** What a manifest says of it, or would. */
  descriptor(options?: LayerOptions): Promise<StoredDescriptor>;
  /** Lets go of what was unpacked or fetched. It is made again where that is needed. */
  close(): void;
}

/** A manifest as it lies there. */
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
  readonly layers: readonly ReadyLayer[];
  /** What it runs on. */
  readonly platform: Platform;
  /** Absent where there is none, as in a docker-archive. */
  readonly manifest?: StoredManifest | undefined;
}

/** Images that can be read until they are closed. */
export interface StoredImages extends Disposable {
  readonly images: readonly StoredImage[];
  /** What the reference to a registry leads to: a manifest, or an index of several. */
  readonly digest?: Digest | undefined;
  /** May be called again. */
  close(): void;
}
