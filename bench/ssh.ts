/**
 * A closure of 10,000 paths, 50 references deep, of a store behind SSH on a line that takes its time. One question at a
 * time would take as many round trips as there are paths.
 */
import { NixStore } from "laminix";
import { startNixStore, type SyntheticPath } from "../test/support/nixStore.js";
import { sshStoreUrl, startSshServer } from "../test/support/sshServer.js";
import { clock, compare } from "./support/measure.js";
import { slowLine } from "./support/slowLine.js";
import { ratio, seconds, table } from "./support/table.js";

/** Milliseconds of a round trip. */
const ROUND_TRIP = 10;
const LEVELS = 50;
const WIDTH = 200;

export async function ssh(): Promise<string> {
  await using store = await startNixStore();
  const paths = levels(store.storeDir);
  await store.registerPaths(paths);
  const root = paths.at(-1)?.path ?? "";
  await using server = await startSshServer();
  await using line = await slowLine(server.port, ROUND_TRIP);
  // The port is the URL's; the host is known by the server's own.
  const options = server.env.NIX_SSHOPTS.replace(/ -p \d+$/, "");
  process.env.NIX_SSHOPTS = `${options} -o HostKeyAlias=[${server.host}]:${String(server.port)}`;
  const closureOver = async (port: number): Promise<void> => {
    await using nix = new NixStore(sshStoreUrl({ ...server, port }, store));
    const { size } = await nix.closure(root);
    if (size !== paths.length) throw new Error(`a closure of ${String(size)} paths`);
  };
  const results = await compare(
    {
      "no delay": () => clock(() => closureOver(server.port)),
      [`${String(ROUND_TRIP)} ms a round trip`]: () => clock(() => closureOver(line.port)),
    },
    { rounds: 3 },
  );
  const single = (paths.length * ROUND_TRIP) / 1000;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(single / result.seconds),
  ]);
  return table(
    [`closure of ${paths.length.toLocaleString("en")} paths over SSH`, "time", `of ${seconds(single)}`],
    rows,
  );
}

/** Each path references some of the level below, and every path of that is referenced. */
function levels(storeDir: string): SyntheticPath[] {
  const path = (level: number, i: number): string =>
    `${storeDir}/${String(level * WIDTH + i).padStart(32, "0")}-package-${String(level)}-${String(i)}`;
  const paths: SyntheticPath[] = [];
  for (let level = 0; level < LEVELS; level++) {
    for (let i = 0; i < WIDTH; i++) {
      const references = level === 0 ? [] : [0, 1, 7, 31].map((step) => path(level - 1, (i + step) % WIDTH));
      paths.push({ path: path(level, i), narHash: "0".repeat(64), narSize: 1000, references });
    }
  }
  const top = Array.from({ length: WIDTH }, (_, i) => path(LEVELS - 1, i));
  paths.push({ path: path(LEVELS, 0), narHash: "0".repeat(64), narSize: 1000, references: top });
  return paths;
}
