import type { Digest } from "../bytes/digest.js";
import type { NamedImage } from "../image/image.js";

/** Images whose layers can be read until they are closed, together. */
export class OpenedImages implements Disposable {
  readonly images: readonly NamedImage[];
  /** What the reference to a registry leads to: a manifest, or an index of several. */
  readonly digest: Digest | undefined;
  readonly #resources: readonly Disposable[];

  /** @param resources closed with the images, in order */
  constructor(images: readonly NamedImage[], resources: readonly Disposable[], digest?: Digest) {
    this.images = images;
    this.digest = digest;
    this.#resources = resources;
  }

  /** Idempotent. */
  close(): void {
    for (const resource of this.#resources) resource[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
