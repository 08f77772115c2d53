/**
 * `laminix stream-conf` into a pipe, beside Python's `tarfile`, which reads every byte twice, and beside what nobody can do
 * without: reading the files into such a pipe, and hashing them. Process start included, files in the page cache.
 */
import { readdir, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../test/support/run.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, type Cost, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

const PYTHON = "Python's tarfile";
const CAT = "cat of the files";
const OPENSSL = "cat of the files into openssl dgst -sha256";
const NODE = "node, an empty program";
const COLD = "laminix, cold cache";
const WARM = "laminix, warm cache";

export function stream(): Promise<string> {
  return withLargeImage(measureStream);
}

async function measureStream(image: LargeImage): Promise<string> {
  const cache = path.join(image.folder, "cache");
  const env = { LAMINIX_CACHE_DIR: cache };
  const laminix = [
    ...[process.execPath, path.join(projectRoot, "dist/bundled/laminix.js"), "stream-conf", image.conf],
    ...["--store", image.store, "--quiet"],
  ];
  const files = path.join(image.folder, "files");
  await writeFile(files, (await filesOf(image)).join("\0"));
  const cat = ["sh", "-c", 'xargs -0 cat <"$0"', files];
  const results = await compare({
    [NODE]: () => measure([process.execPath, "-e", ""]),
    [CAT]: () => piped(cat),
    [OPENSSL]: () => piped(cat, "openssl dgst -sha256"),
    [PYTHON]: () =>
      piped(["python3", path.join(projectRoot, "test/support/reference_stream.py"), image.conf]),
    [COLD]: async () => {
      await rm(cache, { recursive: true, force: true });
      return piped(laminix, undefined, env);
    },
    [WARM]: () => piped(laminix, undefined, env),
  });
  const time = (name: string): number => results[name]?.seconds ?? 0;
  const floors: Readonly<Record<string, number>> = {
    [COLD]: time(CAT) + time(OPENSSL),
    [WARM]: time(CAT) + time(NODE),
  };
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    name in floors ? ratio(time(PYTHON) / result.seconds) : "",
    name in floors ? ratio(result.seconds / (floors[name] ?? 0)) : "",
    mebibytes(result.peakBytes),
  ]);
  const what = `stream-conf of ${String(image.paths)} store paths`;
  return [
    table([what, "time", "faster than Python", "of the floor", "peak memory"], rows),
    "The floor of a cold cache is both cats together, that of a warm one the first and Node's start.",
  ].join("\n");
}

/** Through a pipe to another program. */
function piped(
  command: readonly string[],
  reader = "cat >/dev/null",
  env: Readonly<Record<string, string>> = {},
): Promise<Cost> {
  return measure(["bash", "-c", `set -o pipefail; "$@" | ${reader}`, "bash", ...command], { env });
}

/** All regular files, in the order in which they are streamed. */
async function filesOf({ conf }: LargeImage): Promise<string[]> {
  const { store_layers } = JSON.parse(readFileSync(conf, "utf8")) as {
    readonly store_layers: readonly (readonly string[])[];
  };
  const found = [];
  for (const storePath of store_layers.flat()) {
    const entries = await readdir(storePath, { recursive: true, withFileTypes: true }).catch(() => undefined);
    if (!entries) found.push(storePath); // a file
    for (const entry of entries ?? [])
      if (entry.isFile()) found.push(path.join(entry.parentPath, entry.name));
  }
  return found;
}
