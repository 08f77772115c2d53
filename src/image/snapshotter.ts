/**
 * Images for nix-snapshotter, a snapshotter of containerd that mounts store paths of the host. A layer has empty places for
 * them, and its descriptor names them in annotations, which containerd hands to the snapshotter as labels. Format:
 * nix-snapshotter, pkg/nix2container, at 387e220.
 */
import type { StorePath } from "../store/storePath.js";
import type { Annotations } from "./descriptor.js";
import type { Image } from "./image.js";
import { type Layer, packedLayer } from "./layer.js";

const PREFIX = "containerd.io/snapshot/nix-";
/** Makes the snapshotter hold the store paths against the garbage collector, too. */
const NIX_LAYER = `${PREFIX}layer`;
const STORE_PATH = `${PREFIX}store-path.`;

/** Of a layer with places for these paths; none without paths. */
export function mountAnnotations(paths: readonly StorePath[]): Annotations {
  if (paths.length === 0) return new Map();
  return new Map([
    [NIX_LAYER, "true"],
    ...paths.map((path, i): [string, string] => [`${STORE_PATH}${String(i)}`, path]),
  ]);
}

/** Those of a layer that tell what is mounted. They hold for its tar, so they stay when it is packed anew. */
export function mountAnnotationsOf(layer: Layer): Annotations {
  const { source } = layer;
  if (source.kind === "made") return source.annotations ?? new Map();
  const all = packedLayer(layer)?.annotations ?? new Map<string, string>();
  return new Map([...all].filter(([key]) => key.startsWith(PREFIX)));
}

/** Values of the annotations, as somebody has written them: store paths, where all is well. */
export function pathsMountedBy(layers: readonly Layer[]): string[] {
  return layers.flatMap((layer) =>
    Array.from(mountAnnotationsOf(layer)).flatMap(([key, path]) =>
      key.startsWith(STORE_PATH) ? [path] : [],
    ),
  );
}

/** Whether containers of it lack files unless somebody mounts them. */
export function needsSnapshotter({ layers }: Image): boolean {
  return layers.some((layer) => mountAnnotationsOf(layer).size > 0);
}
