/**
 * The closure of 10,000 paths, beside the daemon's own floor (the same requests written at once, the answers only
 * counted) and `nix path-info` of the same Nix; on every Nix that is there. Connecting is part of each; starting a
 * process only of the latter.
 */
import { connect } from "node:net";
import { NixStore } from "laminix";
import { type Nix, nixes } from "../test/support/nixes.js";
import { startNixStore } from "../test/support/nixStore.js";
import { lacking } from "../test/support/requirements.js";
import { randomGraph } from "./support/randomGraph.js";
import { clock, compare, measure } from "./support/measure.js";
import { ratio, seconds, table } from "./support/table.js";

const PATHS = 10_000;

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
  const pathInfo = ["path-info", "-r", "--json", ...jsonFlags, root];
  const results = await compare({
    "daemon's floor": () => clock(() => floor(store.socket, names)),
    "nixStore.closure()": () =>
      clock(async () => {
        await using nix = new NixStore(store.uri);
        const { size } = await nix.closure(root);
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

/** Handshake of protocol 1.37, which goes in one write with what follows, then QueryPathInfo for each path. */
async function floor(socket: string, paths: readonly string[]): Promise<void> {
  const requests = [number(0x6e697863), number(0x125), number(0), number(0)];
  for (const path of paths) requests.push(number(26), text(path));
  const connection = connect(socket);
  // The daemon answers all that it was asked, then hangs up.
  connection.end(Buffer.concat(requests));
  let bytes = 0;
  for await (const chunk of connection) bytes += (chunk as Buffer).length;
  if (bytes < paths.length * 100) throw new Error(`the daemon answered ${String(bytes)} bytes`);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}
