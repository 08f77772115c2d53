/** Descriptors and media types in manifests and indexes (OCI image-spec 1.1, descriptor.md; Docker's schema 2). */
import { isArray, isObject, type Json, JsonNumber } from "../image/json.js";
import type { Annotations, Digest } from "../image/layer.js";
import { isDigest } from "./digest.js";
import type { ImageJson } from "./imageJson.js";
import { type Platform, platformOf } from "./platform.js";

export const INDEX =
  /^application\/vnd\.(?:oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/;
export const MANIFEST =
  /^application\/vnd\.(?:oci\.image\.manifest\.v1|docker\.distribution\.manifest\.v2)\+json$/;
export const CONFIG = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;
export const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[+.](?:gzip|zstd))?$/;

export interface Descriptor {
  /** Empty where it is not told. */
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly annotations: Annotations;
}

/** @throws {LaminixError} ERR_ARCHIVE */
export function readDescriptors(json: ImageJson, value: Json | undefined, what: string): Descriptor[] {
  if (isArray(value)) return value.map((entry) => readDescriptor(json, entry, what));
  throw json.damaged(`its ${what} is not a list`);
}

/** @throws {LaminixError} ERR_ARCHIVE */
export function readDescriptor(json: ImageJson, value: Json | undefined, what: string): Descriptor {
  const object = json.object(value, what);
  const digest = json.text(object.get("digest"), "digest");
  if (!isDigest(digest)) throw json.damaged(`${JSON.stringify(digest)} is not a digest it can have`);
  const size = object.get("size");
  if (!(size instanceof JsonNumber) || !Number.isSafeInteger(size.value) || size.value < 0)
    throw json.damaged(`the size of ${digest} is not a number of bytes`);
  const platform = object.get("platform");
  const annotations = object.get("annotations");
  return {
    mediaType: json.text(object.get("mediaType") ?? "", "mediaType"),
    digest,
    size: size.value,
    platform: isObject(platform) ? platformOf(platform) : undefined,
    annotations: texts(annotations),
  };
}

function texts(annotations: Json | undefined): Annotations {
  const entries = isObject(annotations) ? [...annotations] : [];
  return new Map(entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}

/** What builders say of an image's making is listed beside it, as a manifest for no platform. */
export function isAttestation({ annotations, platform }: Descriptor): boolean {
  return annotations.has("vnd.docker.reference.type") || platform?.architecture === "unknown";
}
