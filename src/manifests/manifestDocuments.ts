/**
 * Manifests and indexes. Formats: OCI image-spec 1.1, manifest.md, image-index.md, annotations.md; Docker's "Image
 * Manifest Version 2, Schema 2", which has no annotations.
 */
import { formatJson, type Json, JsonNumber, type JsonObject } from "../bytes/json.js";
import type { Annotations, Descriptor } from "../image/descriptor.js";
import { type ManifestFormat, MEDIA_TYPES } from "./mediaTypes.js";
import { digestOf } from "../bytes/digest.js";
import { type Platform, UNKNOWN } from "../image/platform.js";

/** Bytes; what every registry takes (OCI distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST = 4 << 20;

/** JSON that is a blob, and its descriptor. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export function manifestDocument(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Annotations,
  format: ManifestFormat,
): Document {
  return documentOf(
    MEDIA_TYPES[format].manifest,
    [
      ["config", config],
      ["layers", layers],
    ],
    annotations,
    format,
  );
}

export function indexDocument(
  manifests: readonly Descriptor[],
  annotations: Annotations,
  format: ManifestFormat,
): Document {
  return documentOf(MEDIA_TYPES[format].index, [["manifests", manifests]], annotations, format);
}

function documentOf(
  mediaType: string,
  entries: readonly [string, Descriptor | readonly Descriptor[]][],
  annotations: Annotations,
  format: ManifestFormat,
): Document {
  const known = (target: Descriptor): JsonObject =>
    descriptorJson(format === "oci" ? target : { ...target, annotations: undefined });
  const json = new Map<string, Json>([
    ["schemaVersion", new JsonNumber("2")],
    ["mediaType", mediaType],
    ...entries.map(([key, value]): [string, Json] => [
      key,
      "digest" in value ? known(value) : value.map(known),
    ]),
    ...(format === "oci" ? annotationsJson(annotations) : []),
  ]);
  const bytes = Buffer.from(formatJson(json));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

export function descriptorJson({ mediaType, digest, size, platform, annotations }: Descriptor): JsonObject {
  return new Map<string, Json>([
    ["mediaType", mediaType],
    ["digest", digest],
    ["size", new JsonNumber(String(size))],
    // Of an unknown architecture is what is no image.
    ...(platform && platform.architecture !== UNKNOWN ? [["platform", platformJson(platform)] as const] : []),
    ...annotationsJson(annotations ?? new Map()),
  ]);
}

function platformJson({ architecture, os, variant }: Platform): JsonObject {
  return new Map<string, Json>([
    ["architecture", architecture],
    ["os", os],
    ...(variant === undefined ? [] : [["variant", variant] as const]),
  ]);
}

function annotationsJson(annotations: Annotations): [string, Json][] {
  return annotations.size === 0 ? [] : [["annotations", annotations]];
}
