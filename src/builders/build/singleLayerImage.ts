/** An image with everything in one layer on top of its base: dockerTools' `buildImage`. */
import { TreeLayer } from "../../image/treeLayer.js";
import { toByteString } from "../../bytes/byteString.js";
import type { StorePath } from "../../store/storePath.js";
import { FOLDER, type FolderNode, folderNode, partsOf } from "../../tree/node.js";
import { type Assembly, assemble, type OwnLayers } from "./assemble.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import type { BuiltImage } from "./builtImage.js";
import type { ImageParts } from "../../planning/plan.js";
import { type SingleLayerSpec, resolveSingleLayerSpec } from "../../spec/singleLayerSpec.js";
import type { StoreSource } from "../../store/storeSource.js";

/**
 * Copies what goes to the root and runs the commands; the bytes of the store paths are read when the image is.
 * @throws {LaminixError} as `buildImage`, but for writing
 */
export async function singleLayerImage(spec: SingleLayerSpec, options: BuildOptions): Promise<BuiltImage> {
  checkBuildOptions(options);
  const asked = resolveSingleLayerSpec(spec, options.onProgress);
  const { uid, gid } = asked;
  // A script that runs as root says itself whose the files are.
  const owner = asked.runAsRoot ? undefined : { uid, gid, uname: "", gname: "" };
  const make = (assembly: Assembly): Promise<OwnLayers> => Promise.resolve(oneLayer(assembly, options));
  return assemble(asked, spec, { owner, begin: () => Promise.resolve(make) }, options);
}

function oneLayer({ spec, parts, store, mtime }: Assembly, { signal }: BuildOptions): OwnLayers {
  const { customisation } = parts;
  const paths = spec.includeStorePaths ? pathsToAdd(parts) : [];
  const layer = new TreeLayer({
    kind: "root",
    sources: [...customisation.layer.sources, ...paths],
    mtime,
    hardLinks: spec.runAsRoot ? "keep" : "copy",
    signal,
    tree: async ({ signal: aborting }) => withStore(await customisation.root(aborting), paths, parts, store),
  });
  return { layers: [layer], plan: [paths], planned: [] };
}

function pathsToAdd({ closure, inBase }: ImageParts): StorePath[] {
  return closure.paths.filter((path) => !inBase.has(path)).sort();
}

/** The root with store paths where the store is. What the root has there of its own stays. */
async function withStore(
  root: FolderNode,
  paths: readonly StorePath[],
  { storeDir }: ImageParts,
  store: StoreSource,
): Promise<FolderNode> {
  if (paths.length === 0) return root;
  const result: FolderNode = { ...root, children: new Map(root.children) };
  let folder = result;
  for (const part of partsOf(toByteString(storeDir))) {
    const there = folder.children.get(part);
    const inner: FolderNode =
      there?.type === "directory" ? { ...there, children: new Map(there.children) } : folderNode(FOLDER);
    folder.children.set(part, inner);
    folder = inner;
  }
  for (const path of paths) {
    const name = path.slice(storeDir.length + 1);
    if (!folder.children.has(name))
      folder.children.set(name, { type: "store", files: await store.open(path) });
  }
  return result;
}
