/** An image with everything in one layer on top of its base: dockerTools' `buildImage`. */
import { imageAnnotations } from "../image/annotations.js";
import { inheritConfig, inheritHistory } from "../image/inherit.js";
import { TreeLayer } from "../image/treeLayer.js";
import { parseTime } from "../image/time.js";
import { toByteString } from "../files/byteString.js";
import { nixStore } from "../store/defaultStore.js";
import type { StorePath } from "../store/storePath.js";
import { FOLDER, type FolderNode, folderNode, partsOf } from "../tree/node.js";
import { Base } from "./base.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";
import { BuiltImage } from "./builtImage.js";
import { tagOf } from "./imageTag.js";
import { type ImageParts, imageParts } from "./plan.js";
import { type SingleLayerSpec, resolveSingleLayerSpec } from "./singleLayerSpec.js";
import type { StoreSource } from "./source.js";

/**
 * Copies what goes to the root and runs the commands; the bytes of the store paths are read when the image is.
 * @throws {LaminixError} as `buildImage`, but for writing
 */
export async function singleLayerImage(spec: SingleLayerSpec, options: BuildOptions): Promise<BuiltImage> {
  checkBuildOptions(options);
  const { signal, store = nixStore, onProgress } = options;
  const asked = resolveSingleLayerSpec(spec, onProgress);
  const created = parseTime(asked.created, "created");
  const mtime = parseTime(asked.mtime, "mtime").seconds;
  const base = await Base.of(asked, { signal });
  const resolved = base?.platformFor(asked, spec) ?? asked;
  let parts: ImageParts | undefined;
  try {
    const { uid, gid } = resolved;
    const owner = { uid, gid, uname: "", gname: "" };
    parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, owner, hold: true });
    const { closure, customisation } = parts;
    onProgress?.({ type: "closure", paths: closure.size, narSize: closure.narSize });
    const paths = resolved.includeStorePaths ? pathsToAdd(parts) : [];
    const layer = new TreeLayer({
      kind: "contents",
      sources: [...customisation.layer.sources, ...paths],
      mtime,
      signal,
      tree: async ({ signal: aborting }) =>
        withStore(await customisation.root(aborting), paths, parts as ImageParts, store),
    });
    return new BuiltImage({
      spec: resolved,
      image: {
        config: inheritConfig(resolved.config, base?.config),
        architecture: resolved.architecture,
        variant: resolved.variant,
        created: created.iso,
        inherited: base && inheritHistory(base.image.configFile, base.image.layers, created.iso),
        annotations: imageAnnotations({ created: created.iso, base: base?.manifest }, resolved.annotations),
        layers: [...(base?.image.layers ?? []), layer],
      },
      imageTag: resolved.tag ?? (await tagOf(resolved, [paths], parts, { created: created.iso, mtime })),
      mtime,
      layers: [],
      parts,
      options,
    });
  } catch (error) {
    base?.[Symbol.dispose]();
    await parts?.[Symbol.asyncDispose]();
    throw error;
  }
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
