/** Work on all layers of an image: small ones beside one another, and one large one at a time beside these. */
import { availableParallelism } from "node:os";
import type { LayerBlob } from "../manifests/blob.js";
import type { LayerDigest } from "../image/layer.js";
import { Turns } from "../threads/turns.js";
import { StoredLayer } from "./storedLayer.js";

/**
 * Bytes of a tar. A larger one keeps all the threads busy that compress, so another one beside it would only take memory;
 * of smaller ones several are needed for that.
 */
const SMALL = 8 << 20;

export function isSmall({ size }: LayerDigest): boolean {
  return size <= SMALL;
}

/**
 * A promise for each layer, in order. All are begun at once; those who wait for some must wait for all, or abort, for none
 * of them is told as unhandled.
 */
export function layersAtOnce<T>(
  blobs: readonly LayerBlob[],
  work: (blob: LayerBlob, plain: LayerDigest, index: number) => Promise<T>,
  {
    signal,
    jobs = availableParallelism(),
  }: { readonly signal: AbortSignal; readonly jobs?: number | undefined },
): Promise<T>[] {
  const small = new Turns(Math.max(1, jobs));
  const large = new Turns(1);
  const ask = (blob: LayerBlob): Promise<LayerDigest> => blob.plain({ signal, thenRead: true });
  // All are asked for at once, so that later layers are hashed while earlier ones are compressed; but those that would
  // have to be unpacked for it are not, so that they need not all lie on the disk.
  const early = blobs.map((blob) => (blob.layer instanceof StoredLayer ? undefined : ask(blob)));
  return blobs.map((blob, index) => {
    const turn = async (): Promise<T> => {
      signal.throwIfAborted();
      return work(blob, await (early[index] ?? ask(blob)), index);
    };
    const result = early[index]
      ? early[index].then((plain) => (isSmall(plain) ? small : large).take(turn))
      : large.take(turn);
    result.catch(() => undefined);
    return result;
  });
}
