/** Work on all layers of an image: small ones beside one another, and one large one at a time beside these. */
import { availableParallelism } from "node:os";
import type { LayerBlob } from "../manifests/blob.js";
import { type LayerDigest, needsUnpacking } from "../image/layer.js";
import { Turns } from "../threads/turns.js";

/**
 * Bytes of a tar. A larger one keeps all the threads busy that compress, so another one beside it would only take memory;
 * of smaller ones several are needed for that.
 */
const SMALL = 8 << 20;

export function isSmall({ size }: LayerDigest): boolean {
  return size <= SMALL;
}

/**
 * What gives the work on each layer, in order. Work is begun at once, so that later layers are hashed while earlier ones are
 * compressed; on a layer that has to be fetched or unpacked it is begun when it is asked for, and on one such layer at a
 * time. Those who have asked must wait for all, or abort, for none is told as unhandled.
 */
export function layersAtOnce<T>(
  blobs: readonly LayerBlob[],
  work: (blob: LayerBlob, plain: LayerDigest, index: number) => Promise<T>,
  {
    signal,
    jobs = availableParallelism(),
  }: { readonly signal: AbortSignal; readonly jobs?: number | undefined },
): (() => Promise<T>)[] {
  const small = new Turns(Math.max(1, jobs));
  const large = new Turns(1);
  const begin = async (blob: LayerBlob, index: number): Promise<T> => {
    const plain = await blob.plain({ signal, thenRead: true });
    return (isSmall(plain) ? small : large).take(() => {
      signal.throwIfAborted();
      return work(blob, plain, index);
    });
  };
  const unpack = (blob: LayerBlob, index: number): Promise<T> =>
    large.take(async () => {
      signal.throwIfAborted();
      return work(blob, await blob.plain({ signal }), index);
    });
  return blobs.map((blob, index) => {
    let result = isUnpacked(blob) ? undefined : begin(blob, index);
    result?.catch(() => undefined);
    return () => {
      if (!result) {
        result = unpack(blob, index);
        result.catch(() => undefined);
      }
      return result;
    };
  });
}

/** Whether room on the disk is needed before its size is known. */
export function isUnpacked({ kind, layer }: LayerBlob): boolean {
  return (kind === "plain" || kind === "compressed") && needsUnpacking(layer);
}
