/**
 * What pushes cost that a build farm makes all day: requests, bytes, processor time and memory, each of one push and of
 * 1,000 a day of images of 10 GB. The registry keeps nothing, and what it costs is not counted.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import type { Cost } from "./support/measure.js";
import { Pushing } from "./support/pushing.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

const IMAGES = 1000;
const IMAGE_BYTES = 10e9;
const DAY = 86_400;

interface Push extends Cost {
  readonly what: string;
  readonly requests: number;
  /** Bytes. */
  readonly sent: number;
  /** Whether its bytes and its processor time grow with the image. */
  readonly grows: boolean;
}

export function scale(): Promise<string> {
  return withLargeImage(async (image) => {
    const pushing = await Pushing.of(image);
    const { size } = await stat(pushing.archive);
    const pushes = await pushesOf(image, pushing);
    return [onePush(pushes, size), aDay(pushes, size)].join("\n\n");
  });
}

async function pushesOf(image: LargeImage, pushing: Pushing): Promise<Push[]> {
  await using registry = await startSinkRegistry();
  const push = async (
    what: string,
    { grows = false, ...options }: { grows?: boolean; cached?: boolean; spec?: string },
  ): Promise<Push> => {
    await registry.counts();
    const cost = await pushing.laminix(registry, options);
    return { what, grows, ...cost, ...(await registry.counts()) };
  };
  const spec = await withFiles(image);
  return [
    await push("the first", { grows: true }),
    await push("the same, by another machine", {}),
    await push("the same, by this machine", { cached: true }),
    await push("the same with another file of one's own", { cached: true, spec }),
  ];
}

/** The image, with a megabyte in its root. */
async function withFiles({ folder, roots }: LargeImage): Promise<string> {
  const files = path.join(folder, "files");
  await mkdir(files, { recursive: true });
  await writeFile(path.join(files, "program"), Buffer.alloc(1 << 20, "program"));
  const spec = path.join(folder, "spec.json");
  await writeFile(spec, JSON.stringify({ name: "bench", contents: [...roots, files] }));
  return spec;
}

function onePush(pushes: readonly Push[], size: number): string {
  const rows = pushes.map(({ what, requests, sent, cpuSeconds, seconds: time, peakBytes }) => [
    what,
    requests,
    mebibytes(sent),
    seconds(cpuSeconds),
    seconds(time),
    mebibytes(peakBytes),
  ]);
  return table([`a push of ${mebibytes(size)}`, "requests", "sent", "CPU", "time", "peak memory"], rows);
}

function aDay(pushes: readonly Push[], size: number): string {
  const rows = pushes.map(({ what, requests, sent, cpuSeconds, grows }) => {
    const factor = IMAGES * (grows ? IMAGE_BYTES / size : 1);
    return [
      what,
      (requests * IMAGES).toLocaleString("en"),
      `${((requests * IMAGES) / DAY).toFixed(1)}/s`,
      `${((sent * factor) / 1e12).toPrecision(2)} TB`,
      `${((sent * factor * 8) / DAY / 1e6).toPrecision(2)} Mbit/s`,
      `${((cpuSeconds * factor) / 3600).toPrecision(2)} h`,
      ratio((cpuSeconds * factor) / DAY).replace("×", " cores"),
    ];
  });
  const head = [
    `${IMAGES.toLocaleString("en")} a day of 10 GB`,
    "requests",
    "",
    "sent",
    "",
    "CPU",
    "busy all day",
  ];
  return table(head, rows);
}

interface SinkRegistry extends AsyncDisposable {
  readonly host: string;
  /** Since it was last asked. */
  counts(): Promise<{ readonly requests: number; readonly sent: number }>;
}

async function startSinkRegistry(): Promise<SinkRegistry> {
  const script = path.join(import.meta.dirname, "support/sinkRegistry.js");
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(createInterface(child.stdout), "line")) as [string];
  const host = `127.0.0.1:${port}`;
  return {
    host,
    counts: async () =>
      (await (await fetch(`http://${host}/counts`)).json()) as Awaited<ReturnType<SinkRegistry["counts"]>>,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await once(child, "exit");
    },
  };
}
