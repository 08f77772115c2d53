/** Where a push goes: a repository, and the tags that are to lead to the image. */
import { LaminixError } from "../errors.js";
import { type ImageReference, parseReference } from "./reference.js";

export interface PushTargets {
  /** With the first of the tags. */
  readonly reference: ImageReference;
  /** Each once; there is at least one. */
  readonly tags: readonly string[];
}

/**
 * @param text `[HOST[:PORT]/]REPOSITORY[:TAG]`
 * @param more tags beside its own; where it has none, and none are given, it is `latest`
 * @throws {LaminixError} ERR_REFERENCE
 */
export function pushTargets(text: string, more: readonly string[]): PushTargets {
  const { registry, repository, tag, digest } = parseReference(text);
  if (digest !== undefined) {
    throw new LaminixError(
      "ERR_REFERENCE",
      `${text} is the name of an image that is there; a push names a tag`,
      {
        details: { reference: text },
        hint: "leave the digest out: it follows from what is pushed",
      },
    );
  }
  for (const each of more) parseReference(`${registry}/${repository}:${each}`);
  const own = tag === undefined && more.length === 0 ? "latest" : tag;
  const tags = [...new Set([...(own === undefined ? [] : [own]), ...more])];
  return { reference: { registry, repository, tag: tags[0] }, tags };
}
