/**
 * `laminix push` to a registry on this machine, beside `skopeo copy` of the same image, and beside what a push consists of:
 * compressing its bytes, and sending what is compressed. Process start included, no cache kept unless it is said.
 */
import { availableParallelism } from "node:os";
import { type ImageRegistry, startImageRegistry } from "../test/support/imageRegistry.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, type Cost, measure } from "./support/measure.js";
import { Pushing } from "./support/pushing.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

/** Of gzip, for all. */
const LEVEL = 6;
/** The fastest by which libdeflate's layers are no larger than skopeo's by the level above, or by its default. */
const EQUAL_LEVEL = 2;
const ROUNDS = 3;

const SKOPEO = `skopeo copy of its docker-archive, level ${String(LEVEL)}`;
const SKOPEO_DEFAULT = "skopeo copy of its docker-archive, its default";

export function push(): Promise<string> {
  return withLargeImage(async (image) => {
    const pushing = await Pushing.of(image);
    return [await firstPush(image, pushing), await secondPush(image, pushing)].join("\n\n");
  });
}

async function firstPush(image: LargeImage, pushing: Pushing): Promise<string> {
  const sizes = new Map<string, number>();
  /** Into a registry that has nothing. */
  const first = (
    name: string,
    work: (registry: ImageRegistry) => Promise<Cost>,
  ): Record<string, () => Promise<Cost>> => ({
    [name]: async () => {
      await using registry = await startImageRegistry({ plain: true });
      const cost = await work(registry);
      sizes.set(name, await pushing.layerSize(registry));
      return cost;
    },
  });
  const threads = String(availableParallelism());
  const pigz = [`-${String(LEVEL)}nc`, "-p", threads, pushing.archive];
  const results = await compare(
    {
      [`pigz -${String(LEVEL)} of its docker-archive`]: () => measure(["pigz", ...pigz]),
      ...first("skopeo copy of its compressed layers", (it) =>
        pushing.skopeo(it, { source: `oci:${pushing.layout}`, level: LEVEL }),
      ),
      ...first(SKOPEO_DEFAULT, (it) => pushing.skopeo(it)),
      ...first(SKOPEO, (it) => pushing.skopeo(it, { level: LEVEL })),
      ...first(`laminix push, level ${String(LEVEL)}`, (it) => pushing.laminix(it, { level: LEVEL })),
      ...first(`laminix push, level ${String(EQUAL_LEVEL)}`, (it) =>
        pushing.laminix(it, { level: EQUAL_LEVEL }),
      ),
    },
    { rounds: ROUNDS },
  );
  const [compressing, sending] = Object.values(results);
  const slower = Math.max(compressing?.seconds ?? 0, sending?.seconds ?? 0);
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(result.seconds / slower),
    ...[SKOPEO_DEFAULT, SKOPEO].map((theirs) => ratio((results[theirs]?.seconds ?? 0) / result.seconds)),
    seconds(result.samples[0]?.cpuSeconds ?? 0),
    sizes.has(name) ? mebibytes(sizes.get(name) ?? 0) : "",
    mebibytes(result.peakBytes),
  ]);
  const what = `first push of ${String(image.paths)} store paths, ${threads} threads`;
  const head = [
    what,
    "time",
    "of the slower part",
    "faster than its default",
    `than its ${String(LEVEL)}`,
    "CPU",
    "layers",
    "peak memory",
  ];
  return table(head, rows);
}

async function secondPush(image: LargeImage, pushing: Pushing): Promise<string> {
  await using ours = await startImageRegistry({ plain: true });
  await using theirs = await startImageRegistry({ plain: true });
  await pushing.laminix(ours, { level: LEVEL });
  await pushing.skopeo(theirs, { level: LEVEL });
  const results = await compare(
    {
      "laminix closure of its roots": () => pushing.closure(),
      "laminix push": () => pushing.laminix(ours, { level: LEVEL }),
      "skopeo copy": () => pushing.skopeo(theirs, { level: LEVEL }),
      // The cache that the one before has filled.
      "skopeo copy, cache kept": () => pushing.skopeo(theirs, { level: LEVEL, cached: true }),
    },
    { rounds: ROUNDS },
  );
  const [query, pushed] = Object.values(results);
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    seconds(result.seconds),
    ratio(result.seconds / (pushed?.seconds ?? 0)),
    mebibytes(result.peakBytes),
  ]);
  const beyond = seconds((pushed?.seconds ?? 0) - (query?.seconds ?? 0));
  return [
    table(
      [`push of ${String(image.paths)} store paths that are there`, "time", "of laminix's", "peak memory"],
      rows,
    ),
    `laminix push takes ${beyond} beyond the closure`,
  ].join("\n");
}
