/** Progress on standard error: a line that is drawn over itself on a terminal, a plain line a layer elsewhere. */
import type { OnProgress, ProgressEvent } from "../builders/progress.js";
import { bytes, counted, namesOf } from "./format.js";
import type { Io } from "./io.js";

const kinds = { store: "", contents: "the image's root", base: "base image" } as const;

export interface Progress {
  readonly onProgress: OnProgress;
  /** Ends the drawn line; `summary` is printed where it makes sense. */
  readonly finish: (summary: string) => void;
}

export function progress(
  { stderr }: Io,
  { quiet = false }: { readonly quiet?: boolean | undefined },
): Progress {
  if (quiet) return { onProgress: () => undefined, finish: () => undefined };
  const draw = (text: string): void => {
    if (stderr.isTerminal) stderr.write(`\r\x1b[K${text.slice(0, Math.max(20, stderr.columns - 1))}`);
  };
  const line = (text: string): void => {
    stderr.write(stderr.isTerminal ? `\r\x1b[K${text}\n` : `${text}\n`);
  };
  return {
    onProgress: (event) => {
      if (event.type === "warning") line(`warning: ${event.message}`);
      else if (event.type === "log") line(`${event.script}> ${event.line}`);
      else if (event.type === "closure")
        line(`${counted(event.paths, "store path")}, ${bytes(event.narSize)}`);
      else if (stderr.isTerminal) draw(bar(event));
      else line(plain(event));
    },
    finish: (summary) => {
      line(summary);
    },
  };
}

type LayerEvent = Extract<ProgressEvent, { readonly type: "layer" }>;

function plain(event: LayerEvent): string {
  const width = String(event.count).length;
  const position = `layer ${String(event.index + 1).padStart(width)}/${String(event.count)}`;
  return `${position}  ${event.diffId.slice(0, 19)}  ${bytes(event.size).padStart(8)}  ${what(event)}`;
}

function bar(event: LayerEvent): string {
  const WIDTH = 24;
  const done = Math.round((event.index / event.count) * WIDTH);
  const drawn = `${"#".repeat(done)}${".".repeat(WIDTH - done)}`;
  return `[${drawn}] layer ${String(event.index + 1)}/${String(event.count)}  ${bytes(event.size)}  ${what(event)}`;
}

function what({ kind, sources }: LayerEvent): string {
  return kind === "store" ? namesOf(sources) : kinds[kind];
}
