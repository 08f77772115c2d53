/** Tells of the bytes that come from a registry, and which layer of how many they are of. */
import type { Progress } from "../progress.js";
import { type Layer, packedLayer } from "./layer.js";

export class FetchProgress {
  readonly #progress: Progress;
  #blobs: Parameters<Progress["fetch"]>[1] = [];

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** To be called once the image has been read: only then are its layers known. */
  expect(layers: readonly Layer[]): void {
    this.#blobs = [...new Set(layers)].flatMap((layer) => packedLayer(layer) ?? []);
  }

  readonly onFetch = (event: Parameters<Progress["fetch"]>[0]): void => {
    this.#progress.fetch(event, this.#blobs);
  };
}
