/** What has been prepared, put into layers. */
import type { LayerPlan, VirtualNode } from "../layering/graph.js";
import type { RootLayer } from "../root/rootLayer.js";
import type { Closure } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import { baseJson } from "./paths.js";
import type { Prepared } from "./prepare.js";

/** A layer of store paths, as planned. */
export interface PlannedLayer {
  readonly paths: readonly StorePath[];
  /** Bytes of the NARs together. */
  readonly narSize: number;
}

export function plannedLayers(layers: LayerPlan, closure: Closure): PlannedLayer[] {
  const narSize = (path: StorePath): number => closure.get(path)?.narSize ?? 0;
  return layers.map((paths) => ({ paths, narSize: paths.reduce((sum, path) => sum + narSize(path), 0) }));
}

/** The store paths that the base does not have, in layers. */
export async function planOf(
  { spec, paths, closure, inBase, rootLayer }: Prepared,
  layering: Prepared["layering"],
): Promise<LayerPlan> {
  if (!spec.includeStorePaths) return [];
  const nodes: VirtualNode[] = [
    { name: "config", narSize: narSizeOfFile(baseJson(spec).length), references: paths.inConfig },
    { name: "contents", narSize: await narSizeOf(rootLayer), references: rootLayer.sources.contents },
  ];
  return layering(closure, nodes, inBase);
}

/** Bytes of the NAR of a file that cannot be executed (Nix manual, "Nix Archive Format"). */
function narSizeOfFile(size: number): number {
  return 112 + Math.ceil(size / 8) * 8;
}

/**
 * In nixpkgs a folder with the tar of the root, and its checksum, takes part in planning with its real size. Here it
 * does where commands had to be run for it; else it counts as that of an empty root, so that a plan needs no files.
 */
async function narSizeOf({ mustBeMade, layer }: RootLayer): Promise<number> {
  const tar = mustBeMade ? (await layer.diffId()).size : EMPTY_TAR;
  return tar + 544;
}

const EMPTY_TAR = 10_240;
