/** What a manifest says of an image beside what is in it. Format: OCI image-spec 1.1, annotations.md. */
import type { Annotations } from "./descriptor.js";
import type { Digest } from "../bytes/digest.js";

/** Names the key by which a layer of an image can be known without being read. */
export const CONTENT_KEY = "dev.laminix.content-key";
/** Says of a layer that the store paths that its image's history tells of are in it, each where it belongs. */
export const LAYER_KIND = "dev.laminix.layer-kind";

const PREFIX = "org.opencontainers.image.";

export interface KnownFacts {
  /** RFC 3339. */
  readonly created: string;
  /** The image below, where it has a manifest. */
  readonly base?: { readonly digest: Digest; readonly name?: string | undefined } | undefined;
}

/** Those that everybody knows by the same key, where they are known, and those that were asked for, which have the last word. */
export function imageAnnotations(
  { created, base }: KnownFacts,
  asked: Readonly<Record<string, string>>,
): Annotations {
  const known: Record<string, string | undefined> = {
    created,
    "base.digest": base?.digest,
    "base.name": base?.name,
  };
  const annotations = new Map<string, string>();
  for (const [key, value] of Object.entries(known)) {
    if (value !== undefined) annotations.set(`${PREFIX}${key}`, value);
  }
  for (const [key, value] of Object.entries(asked)) annotations.set(key, value);
  return annotations;
}
