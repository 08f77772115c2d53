/**
 * The documents of an OCI image: manifests, indexes, and what leads to them. Format: OCI image-spec 1.1, manifest.md,
 * image-index.md, image-layout.md, annotations.md.
 */
import type { Descriptor } from "../../image/blob.js";
import { formatJson, type Json, JsonNumber, type JsonObject } from "../../image/json.js";
import type { Annotations } from "../../image/layer.js";
import { MEDIA_TYPES } from "../../image/mediaTypes.js";
import { digestOf } from "../digest.js";
import type { Platform } from "../platform.js";
import { wholeReference } from "../reference.js";

/** What is called by a descriptor, and perhaps only for one platform. */
export interface Target extends Descriptor {
  readonly platform?: Platform | undefined;
}

/** JSON that is a blob, and its descriptor. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export function manifestDocument(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Annotations,
): Document {
  const mediaType = MEDIA_TYPES.oci.manifest;
  return documentOf(mediaType, [
    ["config", descriptorJson(config)],
    ["layers", layers.map(descriptorJson)],
    ...annotationsJson(annotations),
  ]);
}

export function indexDocument(manifests: readonly Target[], annotations: Annotations): Document {
  const mediaType = MEDIA_TYPES.oci.index;
  return documentOf(mediaType, [
    ["manifests", manifests.map(descriptorJson)],
    ...annotationsJson(annotations),
  ]);
}

/** The file that makes a folder an OCI layout. */
export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** What `index.json` has of an image: an entry for each of its names, or one without. */
export function layoutEntries(target: Target, references: readonly string[]): JsonObject[] {
  if (references.length === 0) return [descriptorJson(target)];
  return references.map((reference) =>
    descriptorJson({
      ...target,
      annotations: new Map([...(target.annotations ?? []), ...namesOf(reference)]),
    }),
  );
}

/**
 * The tag by itself is what tools take for an image's name in a layout; engines that load one look for the whole name,
 * which containerd has brought in.
 */
function namesOf(reference: string): [string, string][] {
  const tag = reference.slice(reference.lastIndexOf(":") + 1);
  return [
    [REF_NAME, tag],
    [IMAGE_NAME, wholeReference(reference)],
  ];
}

export const REF_NAME = "org.opencontainers.image.ref.name";
export const IMAGE_NAME = "io.containerd.image.name";

export function layoutIndex(entries: readonly Json[]): JsonObject {
  return new Map<string, Json>([
    ["schemaVersion", new JsonNumber("2")],
    ["mediaType", MEDIA_TYPES.oci.index],
    ["manifests", entries],
  ]);
}

function documentOf(mediaType: string, entries: readonly [string, Json][]): Document {
  const json = new Map<string, Json>([
    ["schemaVersion", new JsonNumber("2")],
    ["mediaType", mediaType],
    ...entries,
  ]);
  const bytes = Buffer.from(formatJson(json));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

function descriptorJson({ mediaType, digest, size, platform, annotations }: Target): JsonObject {
  return new Map<string, Json>([
    ["mediaType", mediaType],
    ["digest", digest],
    ["size", new JsonNumber(String(size))],
    ...(platform ? [["platform", platformJson(platform)] as const] : []),
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
