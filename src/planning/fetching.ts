/** Tells of the bytes that come from a registry, and which layer of how many they are of. */
import type { Digest } from "../bytes/digest.js";
import type { FetchEvent } from "../transports/registry/remoteLayer.js";
import { type Layer, packedLayer } from "../image/layer.js";
import type { OnProgress } from "../progress.js";

export class Fetching {
  readonly #onProgress: OnProgress | undefined;
  #order: readonly Digest[] = [];
  #total = 0;

  constructor(onProgress: OnProgress | undefined) {
    this.#onProgress = onProgress;
  }

  begin(layers: readonly Layer[]): void {
    const blobs = [...new Set(layers)].flatMap((layer) => packedLayer(layer) ?? []);
    this.#order = blobs.map(({ digest }) => digest);
    this.#total = blobs.reduce((sum, { size }) => sum + size, 0);
  }

  readonly onFetch = (event: FetchEvent): void => {
    this.#onProgress?.({
      type: "fetch",
      ...event,
      index: this.#order.indexOf(event.digest),
      count: this.#order.length,
      total: this.#total,
    });
  };
}
