/**
 * Progress on standard error: a line that is drawn over itself on a terminal, a plain line a layer elsewhere. On a terminal
 * it begins at once, and shows that it is alive where nothing is told for a while.
 */
import { redactUrl } from "../redact.js";
import type { OnProgress, ProgressEvent } from "../progress.js";
import { type ShownText, styled } from "./colour.js";
import { bytes, counted, namesOf } from "../format.js";
import type { Io } from "./io.js";

const kinds = { store: "", root: "the image's root", base: "base image", image: "" } as const;

export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Ends the drawn line. @param summary printed in place of it */
  readonly end: (summary?: string) => void;
}

/** Milliseconds without news after which the line says how long it has been there. */
const QUIET_FOR = 1000;

/** What image commands begin with. */
export const PLANNING = "planning the image";

export function reading(...places: readonly string[]): string {
  return `reading ${places.map((place) => redactUrl(place)).join(", ")}`;
}

/** @param begin what is drawn first, and drawn on until there is news; nothing unless given */
export function progress(
  { stderr, over }: Pick<Io, "stderr" | "over">,
  { quiet = false }: { readonly quiet?: boolean | undefined },
  begin?: string,
): ProgressDisplay {
  if (quiet) return { onProgress: () => undefined, end: () => undefined };
  const drawing = new Drawing(stderr);
  const line = (text: ShownText): void => {
    drawing.line(text);
  };
  if (begin !== undefined) drawing.start(begin, over);
  let expected: number | undefined;
  let begun = 0;
  const hashed = new Map<number, number>();
  const fetched = new Map<string, number>();
  let total: number | undefined;
  const pushed = new PushedBytes();
  const layer = (event: LayerEvent): void => {
    // What was fetched has been told of already.
    if (fetched.size > 0 && (event.kind === "base" || event.kind === "image")) return;
    if (!stderr.isTerminal) {
      line(plain(event));
      return;
    }
    const done = begun;
    begun += event.size;
    // Layers of a base image come first, and nobody knows their sizes before.
    if (expected !== undefined && event.kind === "base") expected += event.size;
    drawing.draw(bar(event, expected === undefined ? undefined : { done, total: Math.max(expected, begun) }));
  };
  const onProgress: OnProgress = (event) => {
    if (event.type === "warning") line([styled("warning", "warning:"), ` ${event.message}`]);
    else if (event.type === "note") line(event.message);
    else if (event.type === "log") line(`${event.script}> ${event.line}`);
    else if (event.type === "layer") layer(event);
    else if (event.type === "hash") {
      if (event.index !== undefined) hashed.set(event.index, event.hashed);
      if (begin !== undefined) drawing.beside(hashBar(event, sumOf(hashed), expected));
    } else if (event.type === "closure") {
      expected = event.narSize;
      line(`${counted(event.paths, "store path")}, ${bytes(event.narSize)}`);
    } else if (event.type === "fetch") {
      if (event.total !== total) fetched.clear(); // another image begins
      total = event.total;
      fetched.set(event.digest, event.received);
      if (stderr.isTerminal) drawing.draw(fetchBar(event, sumOf(fetched)));
      else if (event.received === event.size) line(plainFetch(event));
    } else {
      pushed.add(event);
      if (stderr.isTerminal) drawing.draw(pushed.bar(event));
      else if (event.fate === "sent") line(plainPush(event));
    }
  };
  const end = (summary?: string): void => {
    drawing.stop();
    if (summary !== undefined) line([styled("done", summary)]);
  };
  return { onProgress, end };
}

/** The line that is drawn over itself. */
class Drawing {
  readonly #stderr: Io["stderr"];
  #last = "";
  #since = performance.now();
  /** Told last. */
  #seconds = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stderr: Io["stderr"]) {
    this.#stderr = stderr;
  }

  /** @param over stops it */
  start(text: string, over: AbortSignal): void {
    if (!this.#stderr.isTerminal || over.aborted) return;
    this.draw(text);
    this.#timer = setInterval(() => {
      this.#tick();
    }, QUIET_FOR / 2).unref();
    over.addEventListener("abort", () => {
      this.stop();
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  draw(text: string): void {
    if (text === this.#last) return;
    this.#last = text;
    this.#since = performance.now();
    this.#seconds = 0;
    this.#stderr.draw(text);
  }

  /** Of something that goes on beside what is drawn, which is more important while it has news. */
  beside(text: string): void {
    if (this.#timer === undefined) return;
    const isNews = /^\[[#.]+\] layer/.test(this.#last);
    if (!isNews || performance.now() - this.#since > QUIET_FOR) this.draw(text);
  }

  line(text: ShownText): void {
    this.#stderr.write(typeof text === "string" ? `${text}\n` : [...text, "\n"]);
    // What was drawn is gone, and what goes on is still going on.
    if (this.#timer !== undefined) this.#stderr.draw(this.#last);
  }

  #tick(): void {
    const seconds = Math.floor((performance.now() - this.#since) / 1000);
    if (seconds === this.#seconds) return;
    this.#seconds = seconds;
    if (seconds > 0) this.#stderr.draw(`${this.#last}  ${String(seconds)} s`);
  }
}

type HashEvent = Extract<ProgressEvent, { readonly type: "hash" }>;

function hashBar(event: HashEvent, hashed: number, expected = 0): string {
  const { index, count, size } = event;
  if (index === undefined || count === undefined) return `hashing ${what(event)}  ${bytes(event.hashed)}`;
  const own = size === undefined ? bytes(event.hashed) : `${bytes(event.hashed)} of ${bytes(size)}`;
  const all = Math.max(expected, hashed);
  const part = expected > 0 ? hashed / all : index / count;
  return `[${drawn(part)}] hashing layer ${String(index + 1)}/${String(count)}  ${own}  ${what(event)}`;
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
  if (kind === "image") return sources.every((source) => source.startsWith("/")) ? namesOf(sources) : "";
  return kind === "store" ? namesOf(sources) : kinds[kind];
}
