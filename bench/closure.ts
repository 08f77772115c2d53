/**
 * The closure of 10,000 paths, beside the daemon's own floor (the same requests written at once, the answers only
 * counted) and `nix path-info`. Connecting is part of each; starting a process only of the latter.
 */
import { NixStore } from "laminix";
import { startNixStore } from "../test/support/nixStore.js";
import { floor, request } from "./support/daemonFloor.js";
import { randomGraph } from "./support/randomGraph.js";
import { clock, compare, measure } from "./support/measure.js";
import { ratio, seconds, table } from "./support/table.js";

const PATHS = 10_000;

export async function closure(): Promise<string> {
  await using store = await startNixStore();
  const paths = randomGraph(store.storeDir, PATHS);
  await store.registerPaths(paths);
  const names = paths.map(({ path }) => path);
  const root = names.at(-1) ?? "";
  const results = await compare({
    "daemon's floor": () =>
      clock(() =>
        floor(
          store.socket,
          names.map((name) => request(26, name)),
          PATHS * 100,
        ),
      ),
    "nixStore.closure()": () =>
      clock(async () => {
        await using nix = new NixStore(store.uri);
        const { size } = await nix.closure(root);
        if (size !== PATHS) throw new Error(`a closure of ${String(size)} paths`);
      }),
    "nix path-info -r --json": () =>
      measure(["nix", "--extra-experimental-features", "nix-command", "path-info", "-r", "--json", root], {
        env: { ...store.env, NIX_REMOTE: store.uri },
      }),
  });
  const least = results["daemon's floor"]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(result.seconds / least),
  ]);
  return table([`closure of ${PATHS.toLocaleString("en")} paths`, "time", "of the floor"], rows);
}
