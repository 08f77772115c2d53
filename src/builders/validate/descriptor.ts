/** Descriptors, read leniently (OCI image-spec 1.1, descriptor.md): the readers of images stop at what is wrong here. */
import { type Digest, isDigest } from "../../bytes/digest.js";
import { isObject, type Json, JsonNumber, type JsonObject } from "../../bytes/json.js";
import { objectIn, textIn } from "../../image/fields.js";
import { platformOf } from "../../manifests/platform.js";
import type { Platform } from "../../image/platform.js";
import type { Findings } from "./findings.js";

export interface CheckedDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly annotations: JsonObject;
}

/** @returns `undefined` where it leads nowhere; what is wrong is reported */
export function checkDescriptor(
  value: Json | undefined,
  { path, what }: { readonly path: string; readonly what: string },
  findings: Findings,
): CheckedDescriptor | undefined {
  const report = (why: string): void => {
    findings.report("DESCRIPTOR_INVALID", path, `${what} ${why}`);
  };
  if (!isObject(value)) {
    report("is not a descriptor");
    return undefined;
  }
  const digest = value.get("digest");
  const size = value.get("size");
  const mediaType = textIn(value, "mediaType");
  if (mediaType === undefined) report("has no mediaType");
  const hasDigest = typeof digest === "string" && isDigest(digest);
  if (!hasDigest) report("has no digest of SHA-256");
  const hasSize = size instanceof JsonNumber && Number.isSafeInteger(size.value) && size.value >= 0;
  if (!hasSize) report("has no size in bytes");
  if (!hasDigest || !hasSize) return undefined;
  const annotations = objectIn(value, "annotations");
  if ([...annotations.values()].some((each) => typeof each !== "string"))
    report("has an annotation that is not a string");
  const given = value.get("platform") ?? undefined;
  if (given !== undefined && ["os", "architecture"].some((key) => textIn(given, key) === undefined))
    report("has a platform without os or architecture");
  const platform = isObject(given) ? platformOf(given) : undefined;
  return { mediaType: mediaType ?? "", digest, size: size.value, platform, annotations };
}
