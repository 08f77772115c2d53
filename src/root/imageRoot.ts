/** The root file system that an image's layers add up to. */
import type { Image } from "../image/image.js";
import type { AccessOptions, Layer } from "../image/layer.js";
import { layerBytes } from "../transports/layerBytes.js";
import { TarBudget } from "../tar/tarBudget.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import type { FolderNode } from "../tree/node.js";

export interface ImageRootOptions extends AccessOptions {
  /** What a layer is called in errors; its place from the bottom unless given. */
  readonly nameOf?: (layer: Layer) => string;
  /** Is given what is to be closed when the root is no longer read. */
  readonly adopt: (resource: Disposable) => unknown;
}

/**
 * Reads names, and checks that the layers are what their digests say unless they are `trusted`; the files are read later.
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_UNSUPPORTED, and what making a layer throws
 */
export async function imageRoot(
  { layers }: Image,
  { nameOf, ...options }: ImageRootOptions,
): Promise<FolderNode> {
  const { signal } = options;
  const root = emptyRoot();
  const budget = new TarBudget();
  for (const [i, layer] of layers.entries()) {
    signal?.throwIfAborted();
    const name = nameOf?.(layer) ?? `layer ${String(i + 1)} of ${String(layers.length)}`;
    await applyLayer(root, await layerBytes(layer, options), name, { budget, signal });
  }
  return root;
}
