/** Why a registry may not take a manifest: OCI's are younger than many registries, and some layers are not for them. */
import { LaminixError } from "../../errors.js";

interface PutManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Statuses that the refusal of a manifest has, and not that of an account. */
const REFUSALS = [400, 406, 415, 422];
/** Codes of the distribution specification that a registry gives whatever the format. */
const OTHER_REASONS = [
  ...["TAG_INVALID", "NAME_INVALID", "DIGEST_INVALID", "SIZE_INVALID"],
  ...["MANIFEST_BLOB_UNKNOWN", "DENIED"],
];
const FORMAT_HINT =
  "the registry may accept only Docker manifests: try --manifest-format docker (manifestFormat)";
/** Docker's manifests have no zstd. */
const ZSTD_HINT = `${FORMAT_HINT} with --layer-compression gz (layerCompression)`;
const FOREIGN_HINT =
  "the image has a non-distributable layer (as Windows images do), which most registries refuse";

/** The error of putting a manifest, with a hint where that may have been for its format or its layers. */
export function explainedRefusal(error: unknown, manifest: PutManifest): unknown {
  if (!isAnswer(error)) return error;
  const isForeign = hasForeignLayers(manifest);
  const { mediaType } = manifest;
  if (!isForeign && !mayBeForFormat(error, mediaType)) return error;
  const { code, message, details, cause } = error;
  const hint = isForeign ? FOREIGN_HINT : manifest.bytes.includes("tar+zstd") ? ZSTD_HINT : FORMAT_HINT;
  return new LaminixError(code, message, { cause, details: { ...details, mediaType }, hint });
}

function mayBeForFormat(error: LaminixError, mediaType: string): boolean {
  const isOther = OTHER_REASONS.includes(String(error.details.registryCode));
  return isOci(mediaType) && isRefusal(error) && !isOther;
}

/** Of these a registry may say that something is wrong with itself, and mean it for good. */
export function hasForeignLayers({ bytes }: Pick<PutManifest, "bytes">): boolean {
  return /"application\/vnd\.[^"]*\.(?:nondistributable|foreign)\.[^"]*"/.test(bytes.toString("latin1"));
}

/** Whether a registry has said in so many words that it does not know OCI's manifests. */
export function takesNoOci(error: unknown): boolean {
  if (!isAnswer(error) || !isRefusal(error)) return false;
  const { mediaType, status, registryCode, registryMessage } = error.details;
  if (typeof mediaType !== "string" || !isOci(mediaType)) return false;
  const said = typeof registryMessage === "string" ? registryMessage : "";
  return status === 415 || registryCode === "UNSUPPORTED" || /media\s?type|vnd\.oci/i.test(said);
}

function isAnswer(error: unknown): error is LaminixError {
  return error instanceof LaminixError && error.code === "ERR_REGISTRY";
}

function isRefusal({ details }: LaminixError): boolean {
  return REFUSALS.includes(Number(details.status));
}

function isOci(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.oci.");
}
