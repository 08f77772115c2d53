/** An image with everything in one layer on top of its base: dockerTools' `buildImage`. */
import { TreeLayer } from "../../image/treeLayer.js";
import { toByteString } from "../../bytes/byteString.js";
import { baseName, type StorePath } from "../../store/storePath.js";
import type { FolderNode, TreeNode } from "../../tree/node.js";
import { withNodes } from "../../tree/withNodes.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { prepare, type Prepared } from "../../planning/prepare.js";
import { Progress } from "../../progress.js";
import { resolveSingleLayerSpec, type SingleLayerSpec } from "../../spec/singleLayerSpec.js";
import { assemble, type OwnLayers } from "./assemble.js";
import type { BuiltImage } from "./builtImage.js";
import { mountLayer } from "./mountLayer.js";

/**
 * Copies what goes to the root and runs the commands; the bytes of the store paths are read when the image is.
 * @throws {LaminixError} as `buildImage`, but for writing
 */
export async function singleLayerImage(spec: SingleLayerSpec, options: BuildOptions): Promise<BuiltImage> {
  checkBuildOptions(options);
  const progress = new Progress(options.onProgress);
  const resolved = resolveSingleLayerSpec(spec, progress);
  const { uid, gid } = resolved;
  // A script that runs as root says itself whose the files are.
  const owner = resolved.runAsRoot ? undefined : { uid, gid, uname: "", gname: "" };
  const prepared = await prepare(resolved, { ...options, progress, owner, layering: "none", hold: true });
  const make = resolved.snapshotter ? mountLayer : oneLayer;
  return assemble(prepared, options, () => make(prepared, options));
}

function oneLayer(prepared: Prepared, { signal }: BuildOptions): OwnLayers {
  const { spec, closure, inBase, rootLayer, mtime, baseLayers: index, progress } = prepared;
  const paths = spec.includeStorePaths ? closure.paths.filter((path) => !inBase.has(path)).sort() : [];
  const sources = [...rootLayer.layer.sources, ...paths];
  const layer = new TreeLayer({
    kind: "root",
    sources,
    mtime,
    hardLinks: spec.runAsRoot ? "keep" : "copy",
    signal,
    onHashed: (hashed) => {
      progress.hash({ kind: "root", sources }, { index, count: index + 1, hashed });
    },
    tree: async (reading) => withStore(await rootLayer.root(reading.signal), paths, prepared),
  });
  return { layers: [layer], plan: [paths], planned: [] };
}

/** The root with store paths where the store is. What the root has there of its own stays. */
async function withStore(
  root: FolderNode,
  paths: readonly StorePath[],
  { storeDir, store }: Prepared,
): Promise<FolderNode> {
  const nodes = new Map<string, TreeNode>();
  for (const path of paths) nodes.set(baseName(path), { type: "store", files: await store.open(path) });
  return withNodes(root, toByteString(storeDir), nodes);
}
