/** A layer's uncompressed tar, to be read anywhere. */
import type { RandomAccess } from "../bytes/bytes.js";
import { Spool } from "../files/spool.js";
import type { AccessOptions, Layer } from "../image/layer.js";

/**
 * Where the layer lies in an archive, it is read there; a layer that is made, or unpacked, goes into a temporary file.
 * @param options.adopt is given what is to be closed when the layer is no longer read
 */
export async function layerBytes(
  layer: Layer,
  { adopt, ...options }: AccessOptions & { readonly adopt: (resource: Disposable) => unknown },
): Promise<RandomAccess> {
  if (layer.source.kind !== "made") return layer.source.access(options);
  const spool = new Spool();
  adopt(spool);
  for await (const piece of layer.open(options)) spool.append(piece);
  return spool;
}
