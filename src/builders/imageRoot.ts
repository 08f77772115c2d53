/** The root file system that an image's layers add up to. */
import type { Image } from "../image/image.js";
import { layerBytes } from "../transports/layerBytes.js";
import { TarBudget } from "../tar/tarBudget.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import type { FolderNode } from "../tree/node.js";

export interface RootOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is given what is to be closed when the root is no longer read. */
  readonly adopt: (resource: Disposable) => void;
}

/**
 * Reads names, and checks that the layers are what their digests say; the files are read later.
 * @throws {LaminixError} ERR_ARCHIVE, ERR_DIGEST, ERR_UNSUPPORTED, and what making a layer throws
 */
export async function imageRoot({ layers }: Image, options: RootOptions): Promise<FolderNode> {
  const root = emptyRoot();
  const budget = new TarBudget();
  for (const [i, layer] of layers.entries()) {
    options.signal?.throwIfAborted();
    const name = `layer ${String(i + 1)} of ${String(layers.length)}`;
    await applyLayer(root, await layerBytes(layer, options), name, { budget, signal: options.signal });
  }
  return root;
}
