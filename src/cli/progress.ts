/** Progress on standard error: a line that is drawn over itself on a terminal, a plain line a layer elsewhere. */
import type { OnProgress, ProgressEvent } from "../progress.js";
import { bytes, counted, namesOf } from "./format.js";
import type { Io } from "./io.js";

const kinds = { store: "", root: "the image's root", base: "base image" } as const;

export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Ends the drawn line; `summary` is printed where it makes sense. */
  readonly finish: (summary: string) => void;
}

export function progress(
  { stderr }: Io,
  { quiet = false }: { readonly quiet?: boolean | undefined },
): ProgressDisplay {
  if (quiet) return { onProgress: () => undefined, finish: () => undefined };
  let drawnLast = "";
  const draw = (text: string): void => {
    if (text === drawnLast) return;
    drawnLast = text;
    stderr.erase();
    stderr.write(text.slice(0, Math.max(20, stderr.columns - 1)));
  };
  const line = (text: string): void => {
    stderr.erase();
    stderr.write(`${text}\n`);
  };
  let expected: number | undefined;
  let begun = 0;
  const fetched = new Map<string, number>();
  let total: number | undefined;
  const pushed = new PushedBytes();
  const layer = (event: LayerEvent): void => {
    // What was fetched has been told of already.
    if (fetched.size > 0 && event.kind === "base") return;
    if (!stderr.isTerminal) {
      line(plain(event));
      return;
    }
    const done = begun;
    begun += event.size;
    // Layers of a base image come first, and nobody knows their sizes before.
    if (expected !== undefined && event.kind === "base") expected += event.size;
    draw(bar(event, expected === undefined ? undefined : { done, total: Math.max(expected, begun) }));
  };
  const onProgress: OnProgress = (event) => {
    if (event.type === "warning") line(`warning: ${event.message}`);
    else if (event.type === "note") line(event.message);
    else if (event.type === "log") line(`${event.script}> ${event.line}`);
    else if (event.type === "layer") layer(event);
    else if (event.type === "closure") {
      expected = event.narSize;
      line(`${counted(event.paths, "store path")}, ${bytes(event.narSize)}`);
    } else if (event.type === "fetch") {
      if (event.total !== total) fetched.clear(); // another image begins
      total = event.total;
      fetched.set(event.digest, event.received);
      if (stderr.isTerminal) draw(fetchBar(event, sumOf(fetched)));
      else if (event.received === event.size) line(plainFetch(event));
    } else {
      pushed.add(event);
      if (stderr.isTerminal) draw(pushed.bar(event));
      else if (event.fate === "sent") line(plainPush(event));
    }
  };
  return { onProgress, finish: line };
}

function sumOf(bytesOf: ReadonlyMap<unknown, number>): number {
  return [...bytesOf.values()].reduce((sum, each) => sum + each, 0);
}

type FetchEvent = Extract<ProgressEvent, { readonly type: "fetch" }>;

function plainFetch({ index, count, digest, size }: FetchEvent): string {
  return `${position(index, count)}  ${digest.slice(0, 19)}  ${bytes(size).padStart(8)}  fetched`;
}

function fetchBar({ total, count }: FetchEvent, received: number): string {
  return `[${drawn(total === 0 ? 1 : received / total)}] ${bytes(received)} of ${bytes(total)}  ${counted(count, "layer")}`;
}

type PushEvent = Extract<ProgressEvent, { readonly type: "push" }>;

/** Layers go to a registry several at once, and how many bytes there will be is not known before. */
class PushedBytes {
  readonly #done = new Set<number>();
  readonly #sent = new Map<number, number>();

  add({ index, fate, sent }: PushEvent): void {
    if (fate) this.#done.add(index);
    this.#sent.set(index, sent);
  }

  bar({ count, ...event }: PushEvent): string {
    const done = this.#done.size;
    const sent = bytes(sumOf(this.#sent));
    return `[${drawn(done / count)}] ${String(done)} of ${counted(count, "layer")}  ${sent} sent  ${what(event)}`;
  }
}

function plainPush(event: PushEvent): string {
  const { index, count, digest = event.diffId, size } = event;
  return `${position(index, count)}  ${digest.slice(0, 19)}  ${bytes(size).padStart(8)}  sent  ${what(event)}`;
}

type LayerEvent = Extract<ProgressEvent, { readonly type: "layer" }>;

function plain(event: LayerEvent): string {
  return `${position(event.index, event.count)}  ${event.diffId.slice(0, 19)}  ${bytes(event.size).padStart(8)}  ${what(event)}`;
}

/** Layers differ in size by a factor of a thousand, so it is bytes that the bar counts where it can. */
function bar(
  event: LayerEvent,
  sizes: { readonly done: number; readonly total: number } | undefined,
): string {
  const part = sizes ? sizes.done / sizes.total : event.index / event.count;
  const size = sizes ? `${bytes(sizes.done)} of ${bytes(sizes.total)}` : bytes(event.size);
  return `[${drawn(part)}] layer ${String(event.index + 1)}/${String(event.count)}  ${size}  ${what(event)}`;
}

function position(index: number, count: number): string {
  return `layer ${String(index + 1).padStart(String(count).length)}/${String(count)}`;
}

function drawn(part: number): string {
  const WIDTH = 24;
  const done = Math.min(WIDTH, Math.floor(part * WIDTH));
  return `${"#".repeat(done)}${".".repeat(WIDTH - done)}`;
}

function what({ kind, sources }: Pick<LayerEvent, "kind" | "sources">): string {
  return kind === "store" ? namesOf(sources) : kinds[kind];
}
