/** The tag of an image for which none was asked. */
import { formatJson } from "../../bytes/json.js";
import { hashOf } from "../../image/layer.js";
import type { LayerPlan } from "../../layering/graph.js";
import type { Closure } from "../../store/closure.js";
import { toNix32 } from "../../store/nix32.js";
import type { Prepared } from "../../planning/prepare.js";
import type { RootLayer } from "../../root/rootLayer.js";

/** Keys of a spec that decide nothing, or only through the layers that are made by them, which are looked at instead. */
const SILENT: ReadonlySet<string> = new Set([
  ...["specVersion", "passthru", "tag", "fromImage", "compressor"],
  ...["layeringPipeline", "previous", "horizon", "history", "volatility"],
  ...["contents", "copyToRoot", "runAsRoot"],
  // These have no say in a docker-archive; annotations do where there are some.
  ...["layerCompression", "layerCompressionLevel", "layerEncoder", "annotations"],
  // Said by the paths that are mounted.
  "snapshotter",
]);

/** 32 characters of Nix's base 32, from all that decides the image's bytes. */
export async function tagOf(prepared: Prepared, plan: LayerPlan): Promise<string> {
  // What `now` was, where the spec says so.
  const { spec, created, mtime, base, closure, rootLayer } = prepared;
  const { annotations } = spec;
  const deciding = {
    ...Object.fromEntries(Object.entries(spec).filter(([key]) => !SILENT.has(key))),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const paths = plan.map((layer) => layer.map((path) => [path, closure.get(path)?.narHash]));
  const config = formatJson(spec.config);
  const root = await rootFacts(rootLayer, closure);
  const hash = hashOf([{ ...deciding, created, mtime, config }, paths, base?.configFile.digest, root]);
  return toNix32(Buffer.from(hash, "hex").subarray(0, 20));
}

async function rootFacts({ layer, mustBeMade, sources }: RootLayer, closure: Closure): Promise<unknown> {
  const { contentKey } = layer.source;
  if (contentKey !== undefined) return contentKey;
  // What commands and files outside the store make of the root shows only in its bytes.
  if (mustBeMade) return [sources, (await layer.diffId()).diffId];
  return [sources, [...closure].map(({ path, narHash }) => [path, narHash])];
}
