/** The one layer of an image for nix-snapshotter: its root, with places for the store paths that are mounted. */
import { toByteString } from "../../bytes/byteString.js";
import { LaminixError } from "../../errors.js";
import { hashOf } from "../../image/layer.js";
import { mountAnnotations, mountAnnotationsOf } from "../../image/snapshotter.js";
import { TreeLayer } from "../../image/treeLayer.js";
import { MAX_MANIFEST } from "../../manifests/manifestDocuments.js";
import type { BuildOptions } from "../../planning/buildOptions.js";
import type { Prepared } from "../../planning/prepare.js";
import { mountedPaths, mountPointNodes, type MountPoints, mountPoints } from "../../root/mountPoints.js";
import { withNodes } from "../../tree/withNodes.js";
import type { OwnLayers } from "./assemble.js";

/** Changes when the same places would give other bytes than before. */
const FORMAT = 1;

/** @throws {LaminixError} ERR_UNSUPPORTED for more store paths than a manifest can name; as `mountPoints` */
export async function mountLayer(prepared: Prepared, { signal }: BuildOptions): Promise<OwnLayers> {
  const { spec, closure, rootLayer, store, storeDir, mtime } = prepared;
  requireRoom(prepared);
  const points = await mountPoints(closure.paths, {
    locate: (path) => store.open(path),
    narHash: (path) => (store.vouchesForHashes ? closure.get(path)?.narHash : undefined),
    signal,
  });
  const layer = new TreeLayer({
    kind: "root",
    sources: rootLayer.layer.sources,
    contentKey: contentKeyOf(rootLayer.layer.source.contentKey, points),
    annotations: mountAnnotations(mountedPaths(points)),
    mtime,
    hardLinks: spec.runAsRoot ? "keep" : "copy",
    signal,
    tree: async (reading) =>
      withNodes(await rootLayer.root(reading.signal), toByteString(storeDir), mountPointNodes(points)),
  });
  return { layers: [layer], plan: [closure.paths], planned: [] };
}

function contentKeyOf(root: string | undefined, points: MountPoints): string | undefined {
  return root === undefined ? undefined : hashOf(["mount points", FORMAT, root, [...points]]);
}

/** Bytes of a manifest beside its annotations: descriptors of layers are the most of it. */
const REST = 128 << 10;

/**
 * Asked before anything is read of so many paths.
 * @throws {LaminixError} ERR_UNSUPPORTED
 */
function requireRoom({ spec, base, closure }: Prepared): void {
  const annotations = [
    ...(base?.image.layers ?? []).flatMap((layer) => [...mountAnnotationsOf(layer)]),
    ...mountAnnotations(closure.paths),
    ...Object.entries(spec.annotations),
  ];
  const size = REST + Buffer.byteLength(JSON.stringify(annotations));
  if (size <= MAX_MANIFEST) return;
  const { size: paths } = closure;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `the manifest would name ${String(paths)} store paths for nix-snapshotter and have about ${inMiB(size)} MiB, and registries take ${inMiB(MAX_MANIFEST)} MiB`,
    {
      details: { paths, size, limit: MAX_MANIFEST },
      hint: "make images of fewer store paths (there is room for about 30,000), or leave snapshotter out",
    },
  );
}

function inMiB(bytes: number): string {
  return String(Math.round((bytes / (1 << 20)) * 10) / 10);
}
