/** What leads to images in an OCI layout. Format: OCI image-spec 1.1, image-layout.md, annotations.md. */
import { type Json, JsonNumber, type JsonObject } from "../../bytes/json.js";
import { MEDIA_TYPES } from "../../manifests/mediaTypes.js";
import type { Descriptor } from "../../image/descriptor.js";
import { descriptorJson } from "../../manifests/manifestDocuments.js";
import { wholeReference } from "../../manifests/reference.js";

/** The file that makes a folder an OCI layout. */
export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** What `index.json` has of what was written: an entry for each of its names, or one without. */
export function layoutEntries(
  targets: readonly Descriptor[],
  entries: readonly { readonly references: readonly string[] }[],
): JsonObject[] {
  return entries.flatMap(({ references }, i) => {
    const target = targets[i];
    return target ? entriesOf(target, references) : [];
  });
}

function entriesOf(target: Descriptor, references: readonly string[]): JsonObject[] {
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
