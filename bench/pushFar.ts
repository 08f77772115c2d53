/**
 * `laminix push` and `skopeo copy` to a registry behind a line with a round trip of 50 ms, beside the same without it: what
 * the line adds is time in which nobody sends, for the line has room for everything. An image that is there already costs
 * round trips and little else.
 */
import { type ImageRegistry, startImageRegistry } from "../test/support/imageRegistry.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { type Cost, compare } from "./support/measure.js";
import { Pushing } from "./support/pushing.js";
import { type SlowLine, slowLine } from "./support/slowLine.js";
import { mebibytes, seconds, table } from "./support/table.js";

/** Milliseconds. */
const ROUND_TRIP = 50;
/** Of gzip. */
const LEVEL = 6;

type Pusher = (pushing: Pushing, to: Pick<ImageRegistry, "host">) => Promise<Cost>;

const pushers: Readonly<Record<string, Pusher>> = {
  "laminix push": (pushing, to) => pushing.laminix(to, { level: LEVEL }),
  "skopeo copy": (pushing, to) => pushing.skopeo(to, { level: LEVEL }),
};

export function pushFar(): Promise<string> {
  return withLargeImage(async (image) => {
    const pushing = await Pushing.of(image);
    return [await rows(image, pushing, "first push"), await rows(image, pushing, "push again")].join("\n\n");
  });
}

async function rows(image: LargeImage, pushing: Pushing, what: "first push" | "push again"): Promise<string> {
  const cells = [];
  for (const [name, push] of Object.entries(pushers)) {
    const far: Line[] = [];
    const results = await compare(
      {
        near: () => pushedTo(pushing, push, what, 0),
        far: async () => {
          const line = await pushedTo(pushing, push, what, ROUND_TRIP);
          far.push(line);
          return line;
        },
      },
      { rounds: 3 },
    );
    const [near = 0, slow = 0] = [results["near"]?.seconds, results["far"]?.seconds];
    const { requests = 0, sent = 0 } = far.at(-1) ?? {};
    cells.push([
      name,
      seconds(near),
      seconds(slow),
      (((slow - near) * 1000) / ROUND_TRIP).toFixed(0),
      requests,
      mebibytes(sent),
    ]);
  }
  const head = [
    `${what} of ${String(image.paths)} store paths`,
    "no delay",
    `${String(ROUND_TRIP)} ms`,
    "round trips waited for",
    "requests",
    "sent",
  ];
  return table(head, cells);
}

interface Line extends Cost {
  readonly requests: number;
  /** Bytes. */
  readonly sent: number;
}

async function pushedTo(
  pushing: Pushing,
  push: Pusher,
  what: "first push" | "push again",
  roundTrip: number,
): Promise<Line> {
  await using registry = await startImageRegistry({ plain: true });
  if (what === "push again") await push(pushing, registry);
  await using line: SlowLine = await slowLine(Number(registry.host.split(":")[1]), roundTrip);
  const { result, requests } = await registry.during(() =>
    push(pushing, { host: `127.0.0.1:${String(line.port)}` }),
  );
  return { ...result, requests: requests.length, sent: line.passed.sent };
}
