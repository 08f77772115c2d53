/** Why a registry may not take a manifest: OCI's are younger than many registries, and some layers are not for them. */
import { LaminixError } from "../../errors.js";

interface PutManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Statuses that the refusal of a manifest has, and not that of an account. */
const REFUSALS = [400, 406, 415, 422];
const FORMAT_HINT = "it may take Docker's manifests and no others: --manifest-format docker (manifestFormat)";
const FOREIGN_HINT =
  "the image has a layer that may not be passed on, as those of Windows; registries take these only where their settings say so";

/** The error of putting a manifest, with a hint where that may have been for its format or its layers. */
export function explainedRefusal(error: unknown, manifest: PutManifest): unknown {
  if (!isAnswer(error)) return error;
  const isForeign = hasForeignLayers(manifest);
  const { mediaType } = manifest;
  if (!isForeign && !(isOci(mediaType) && isRefusal(error))) return error;
  const { code, message, details, cause } = error;
  const hint = isForeign ? FOREIGN_HINT : FORMAT_HINT;
  return new LaminixError(code, message, { cause, details: { ...details, mediaType }, hint });
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
