/** The pushing itself, in the format of manifests that the registry takes. */
import type { NamedImage } from "../../image/image.js";
import { needsSnapshotter } from "../../image/snapshotter.js";
import { type Entry, imagesOf } from "../../manifests/imageContents.js";
import { formatReference } from "../../manifests/reference.js";
import { takesNoOci } from "../../transports/registry/manifestRefusal.js";
import type { BuiltImage } from "../build/builtImage.js";
import { type LayerFate, type LayerKind, Progress, type ProgressEvent } from "../../progress.js";
import type { Digest } from "../../bytes/digest.js";
import { type PreparedPush, withPreparedPush } from "./preparePush.js";
import type { PushImageOptions } from "./pushOptions.js";

export interface PushedLayer {
  readonly diffId: Digest;
  /** As it is in the registry; what a plan has not compressed has none. */
  readonly digest?: Digest;
  /** Bytes; of the plain tar where there is no digest. */
  readonly size: number;
  readonly kind: LayerKind;
  /** Store paths, or the layer's name in a base image. */
  readonly sources: readonly string[];
  readonly fate: LayerFate;
  /** What compressed it, with its level and a hash of what it makes of a fixed text; where that was done here. */
  readonly encoder?: string;
}

export interface PushedImage {
  /** With its first tag and its digest: `HOST/REPOSITORY:TAG@sha256:…`. */
  readonly reference: string;
  /** Of its manifest; of images for several platforms, of their index. */
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** Bytes of all that it is in the registry. */
  readonly size: number;
  /** Bytes of these that were sent. */
  readonly sent: number;
  /** Bottom first; of an index, those of one image after the other, each once. */
  readonly layers: readonly PushedLayer[];
}

/**
 * A registry that says that it does not know OCI's manifests is given Docker's, where nobody has asked for a format and the
 * manifests are made here: one that an image brings along is what its digest is of.
 * @throws {LaminixError} as `withPreparedPush` and `push`
 */
export async function sendPush(
  images: readonly (string | BuiltImage)[],
  entryOf: (images: readonly NamedImage[]) => Entry,
  reference: string,
  asked: PushImageOptions,
): Promise<PushedImage> {
  const attempt = new Attempt(asked);
  const first = await withPreparedPush(images, entryOf, reference, attempt.options, async (ready) => {
    try {
      return await sent(ready);
    } catch (error) {
      if (!takesNoOci(error) || !canUseDockerManifests(ready, asked)) throw error;
      const { registry } = ready.reference;
      const message = `${registry} does not accept OCI manifests; pushing Docker manifests instead, without annotations`;
      new Progress(asked.onProgress).note(message);
      return undefined;
    }
  });
  if (first) return first;
  const again: PushImageOptions = { ...asked, manifestFormat: "docker" };
  return attempt.addedTo(await withPreparedPush(images, entryOf, reference, again, sent));
}

async function sent({ entry, reference, options }: PreparedPush): Promise<PushedImage> {
  // Loaded for those who need it: most of a short program's time is loading.
  const { push } = await import("../../transports/registry/push.js");
  const { target, size, sent: bytes, layers } = await push(entry, options);
  const { digest } = target;
  return {
    reference: formatReference({ ...reference, digest }),
    ...{ digest, tags: options.tags, size, sent: bytes },
    layers: layers.map(({ layer: { kind, sources }, diffId, descriptor, fate, encoder }) => ({
      ...{ diffId, digest: descriptor.digest, size: descriptor.size, kind, sources, fate },
      ...(encoder !== undefined && { encoder }),
    })),
  };
}

function canUseDockerManifests(
  { entry, options }: PreparedPush,
  { manifestFormat }: PushImageOptions,
): boolean {
  const images = imagesOf(entry);
  // Docker's manifests have no zstd, and do not say what to mount.
  return (
    manifestFormat === undefined &&
    options.encoding !== "zstd" &&
    images.every((image) => !image.manifest && !needsSnapshotter(image))
  );
}

type PushProgress = Extract<ProgressEvent, { readonly type: "push" }>;

/** What has become of layers in a push that did not come to its end. */
class Attempt {
  readonly options: PushImageOptions;
  readonly #over = new Map<string, PushProgress>();

  constructor(asked: PushImageOptions) {
    this.options = {
      ...asked,
      onProgress: (event) => {
        if (event.type === "push" && event.fate !== undefined) this.#over.set(event.diffId, event);
        asked.onProgress?.(event);
      },
    };
  }

  /** The next one finds them in the registry. */
  addedTo(pushed: PushedImage): PushedImage {
    const before = [...this.#over.values()].reduce((sum, { sent: bytes }) => sum + bytes, 0);
    return {
      ...pushed,
      sent: pushed.sent + before,
      layers: pushed.layers.map((layer) => ({
        ...layer,
        fate: this.#over.get(layer.diffId)?.fate ?? layer.fate,
      })),
    };
  }
}
