/** Descriptors and media types in manifests and indexes (OCI image-spec 1.1, descriptor.md; Docker's schema 2). */
import { LaminixError } from "../errors.js";
import { objectIn, textIn, textsIn } from "../image/fields.js";
import { type Json, JsonNumber, type JsonObject } from "../bytes/json.js";
import type { Annotations, Descriptor } from "../image/descriptor.js";
import { isDigest } from "../bytes/digest.js";
import type { ImageJson } from "./imageJson.js";
import { type Platform, UNKNOWN } from "../image/platform.js";
import { platformOf } from "./platform.js";

export const INDEX =
  /^application\/vnd\.(?:oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/;
export const MANIFEST =
  /^application\/vnd\.(?:oci\.image\.manifest\.v1|docker\.distribution\.manifest\.v2)\+json$/;
export const CONFIG = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;
export const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[+.](?:gzip|zstd))?$/;

/** @throws {LaminixError} ERR_ARCHIVE */
export function readDescriptors(json: ImageJson, value: Json | undefined, what: string): Descriptor[] {
  return json.list(value, what).map((entry) => readDescriptor(json, entry, what));
}

/** @throws {LaminixError} ERR_ARCHIVE */
export function readDescriptor(json: ImageJson, value: Json | undefined, what: string): Descriptor {
  const object = json.object(value, what);
  const digest = json.text(object.get("digest"), "digest");
  if (!isDigest(digest)) throw json.damaged(`${JSON.stringify(digest)} is not a digest it can have`);
  const size = object.get("size");
  if (!(size instanceof JsonNumber) || !Number.isSafeInteger(size.value) || size.value < 0)
    throw json.damaged(`the size of ${digest} is not a number of bytes`);
  return {
    mediaType: json.text(object.get("mediaType") ?? "", "mediaType"),
    digest,
    size: size.value,
    platform: platformIn(objectIn(object, "platform")),
    annotations: texts(objectIn(object, "annotations")),
    artifactType: textIn(object, "artifactType"),
    urls: textsIn(object, "urls"),
  };
}

/** An incomplete platform is ignored: the configuration has it. */
function platformIn(platform: JsonObject): Platform | undefined {
  const isTold = ["os", "architecture"].every((key) => textIn(platform, key) !== undefined);
  return isTold ? platformOf(platform) : undefined;
}

function texts(annotations: JsonObject): Annotations {
  return new Map(
    [...annotations].flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}

/**
 * Whether a manifest's type says that it is no image: signatures, bills of materials and the like are listed beside it (OCI
 * image-spec, manifest.md, "Guidelines for Artifact Usage"), and what builders say of its making, for no platform.
 */
export function isBesideImages({ annotations, platform, artifactType }: Descriptor): boolean {
  const isAttestation =
    annotations?.has("vnd.docker.reference.type") === true || platform?.architecture === UNKNOWN;
  return isAttestation || (artifactType !== undefined && !CONFIG.test(artifactType));
}

/** Whether a layer lies where its licence lets it, and not in registries ("Non-Distributable Layers"). */
export function isForeign({ mediaType }: Pick<Descriptor, "mediaType">): boolean {
  return /\.(?:nondistributable|foreign)\./.test(mediaType);
}

/** The error for a layer that is not there, which for some is as it has to be. */
export function missingLayer(descriptor: Descriptor, where: string, error: unknown): unknown {
  if (!isForeign(descriptor)) return error;
  const { mediaType, digest, urls = [] } = descriptor;
  return new LaminixError("ERR_UNSUPPORTED", `${where} has a non-distributable layer: ${digest}`, {
    cause: error,
    details: { path: where, digest, mediaType, ...(urls.length > 0 && { urls }) },
    hint: "registries do not store such layers (Windows base layers, for example); pull the image with Docker, `docker save` it, and use that file",
  });
}
