/** The plan of a push. */
import { abortScope } from "../../abort.js";
import { Turns } from "../../threads/turns.js";
import { type Entry, ImageContents } from "../../manifests/imageContents.js";
import { type Layer, releaseLayer } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { isUnpacked } from "../layersAtOnce.js";
import { type PushOptions, requireDistributable } from "./push.js";
import { LayerSender } from "./sendLayer.js";
import type { LayerFate } from "../../progress.js";

export interface ExpectedLayer {
  readonly layer: Layer;
  readonly diffId: Digest;
  /** Not known of layers that would have to be compressed for it. */
  readonly digest?: Digest;
  /** Bytes; of the tar where the digest is not known. */
  readonly size: number;
  readonly fate: LayerFate;
}

/**
 * Asks the registry, and hashes layers that are not remembered; sends nothing and compresses nothing.
 * @returns the layers, bottom first, each once
 * @throws {LaminixError} as `push`
 */
export async function wouldPush(
  entry: Entry,
  options: Omit<PushOptions, "tags">,
): Promise<readonly ExpectedLayer[]> {
  const { client, repository, previous } = options;
  using scope = abortScope(options.signal);
  const { signal } = scope;
  using contents = new ImageContents([entry], {
    ...options,
    find: (layer, encoding) => previous?.find(layer, encoding),
  });
  requireDistributable(contents.blobs);
  const uploads = new Turns(1);
  const isThere = (digest: Digest): boolean =>
    previous?.has({ registry: client.registry, repository }, digest) ?? false;
  return await Promise.all(
    contents.blobs.map(async (blob) => {
      const how = { client, repository, isThere, uploads, dryRun: true, signal };
      const sender = new LayerSender(blob, how);
      const plain = await blob.plain({ signal });
      const fate = (await sender.look()) ?? "sent";
      const known = await blob.known({ signal });
      if (isUnpacked(blob)) releaseLayer(blob.layer);
      const { diffId } = plain;
      const { digest, size } = known ?? { digest: undefined, size: plain.size };
      return { layer: blob.layer, diffId, size, fate, ...(digest && { digest }) };
    }),
  );
}
