/**
 * The NAR of a large path through a daemon, beside the daemon's own floor, and `nix-store --dump` of the same files, which
 * needs no daemon.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { NixStore } from "laminix";
import { startNixStore } from "../test/support/nixStore.js";
import { floor, request } from "./support/daemonFloor.js";
import { clock, compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

const FILES = 20;
const FILE = 25_000_000;

export async function nar(): Promise<string> {
  await using daemon = await startNixStore();
  const path = await daemon.addTree("large", async (place) => {
    await mkdir(place);
    for (let i = 0; i < FILES; i++) await writeFile(`${place}/${String(i)}`, Buffer.alloc(FILE, i));
  });
  const results = await compare({
    "nix-store --dump | cat": () =>
      measure(["bash", "-c", `set -o pipefail; nix-store --dump ${path} | cat`], { env: daemon.env }),
    "daemon's floor": () => clock(() => floor(daemon.socket, [request(38, path)], FILES * FILE)),
    "store.nar(), checked": () =>
      clock(async () => {
        await using store = new NixStore(daemon.uri);
        let bytes = 0;
        for await (const piece of store.nar(path)) bytes += piece.length;
        if (bytes < FILES * FILE) throw new Error(`a NAR of ${String(bytes)} bytes`);
      }),
  });
  const peer = results["nix-store --dump | cat"]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(peer / result.seconds),
  ]);
  return table([`NAR of ${mebibytes(FILES * FILE)}`, "time", "of the speed"], rows);
}
