/** Putting store paths into layers: the strategies on a random graph of 10,000 paths. */
import { GraphStore, planLayers } from "laminix";
import { randomGraph } from "./support/randomGraph.js";
import { clock, compare } from "./support/measure.js";
import { seconds, table } from "./support/table.js";

export async function planning(): Promise<string> {
  const paths = randomGraph("/nix/store", 10_000);
  const root = paths.at(-1)?.path ?? "";
  const graph = JSON.stringify(
    paths.map(({ narHash, ...rest }) => ({ ...rest, narHash: `sha256:${narHash}` })),
  );
  const store = GraphStore.parse(graph, "random graph");
  const spec = { name: "bench", contents: [root] };
  const results = await compare({
    auto: () => clock(() => planLayers({ ...spec, strategy: "auto" }, { store })),
    popularity: () => clock(() => planLayers({ ...spec, strategy: "popularity" }, { store })),
  });
  const rows = Object.entries(results).map(([name, result]) => [name, seconds(result.seconds)]);
  return table(["planning 10,000 paths", "time"], rows);
}
