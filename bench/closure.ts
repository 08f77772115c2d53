/**
 * The closure of 10,000 paths, beside the daemon's own floor (the same requests written at once, the answers only
 * counted) and `nix path-info` of the same Nix; on every Nix that is there. Connecting is part of each, but for the
 * closure that the store was asked for before; starting a process only of the last.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NixStore } from "laminix";
import { type Nix, nixes } from "../test/support/nixes.js";
import { startNixStore } from "../test/support/nixStore.js";
import { lacking } from "../test/support/requirements.js";
import { floor, request } from "./support/daemonFloor.js";
import { randomGraph } from "./support/randomGraph.js";
import { clock, compare, measure } from "./support/measure.js";
import { ratio, seconds, table } from "./support/table.js";

const PATHS = 10_000;
/** Milliseconds after which a store keeps closures of what has been registered. */
const SETTLED = 3100;

export async function closure(): Promise<string> {
  const rows: string[][] = [];
  for (const nix of nixes) {
    const reason = lacking(nix.needs);
    if (reason === undefined) rows.push(...(await onDaemon(nix)));
    else rows.push([`${nix.name}: ${reason}`, "", ""]);
  }
  return table([`closure of ${PATHS.toLocaleString("en")} paths`, "time", "of the floor"], rows);
}

async function onDaemon({ release, jsonFlags }: Nix): Promise<string[][]> {
  await using store = await startNixStore({ nix: release });
  const paths = randomGraph(store.storeDir, PATHS);
  await store.registerPaths(paths);
  const names = paths.map(({ path }) => path);
  const root = names.at(-1) ?? "";
  await using asked = new NixStore(store.uri);
  const { version } = await asked.info();
  await sleep(SETTLED);
  await asked.closure(root);
  const pathInfo = ["path-info", "-r", "--json", ...jsonFlags, root];
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
    "the same, asked again": () =>
      clock(async () => {
        const { size } = await asked.closure(root);
        if (size !== PATHS) throw new Error(`a closure of ${String(size)} paths`);
      }),
    "nix path-info -r --json": () =>
      measure(["nix", "--extra-experimental-features", "nix-command", ...pathInfo], { env: store.env }),
  });
  const least = results["daemon's floor"]?.seconds ?? 0;
  return Object.entries(results).map(([name, result]) => [
    `Nix ${version ?? "before 2.7"}, ${name}`,
    seconds(result.seconds),
    ratio(result.seconds / least),
  ]);
}
