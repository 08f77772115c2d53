/**
 * What Nix's programs say while they work, with `--log-format internal-json`: a line of JSON an event, after `@nix `
 * (Nix, src/libutil/logging.cc and include/nix/util/logging.hh, where the numbers of levels, activities and results
 * are defined).
 */
import { stripVTControlCharacters } from "node:util";

export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

export type ActivityKind =
  | "build"
  | "builds"
  | "build-waiting"
  | "copy-path"
  | "copy-paths"
  | "download"
  | "optimise-store"
  | "post-build-hook"
  | "query-path-info"
  | "realise"
  | "substitute"
  | "verify-paths"
  | "other";

export type LogEvent =
  | { readonly type: "message"; readonly level: LogLevel; readonly text: string }
  /** Of `builtins.trace`. */
  | { readonly type: "trace"; readonly text: string }
  /** Something has begun. `path` is the store path or derivation concerned. */
  | {
      readonly type: "start";
      readonly id: string;
      readonly kind: ActivityKind;
      readonly text: string;
      readonly path?: string;
    }
  | { readonly type: "stop"; readonly id: string }
  /** A line that a builder printed; `id` is its activity's. */
  | { readonly type: "build-log"; readonly id: string; readonly line: string }
  /** The phase that a builder is in. */
  | { readonly type: "phase"; readonly id: string; readonly phase: string }
  /** How far an activity is, in its own unit: bytes, paths or builds. */
  | {
      readonly type: "progress";
      readonly id: string;
      readonly done: number;
      readonly expected: number;
      readonly running: number;
      readonly failed: number;
    };

/** A place in a Nix file; lines and columns count from 1. */
export interface Position {
  /** A path, `«stdin»` in what was given as text. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface TraceItem {
  readonly message: string;
  readonly position?: Position;
}

/** An error as Nix describes it. */
export interface NixError {
  readonly message: string;
  readonly position?: Position;
  /** What was being done, innermost first. */
  readonly trace: readonly TraceItem[];
  /** The same as Nix prints it for people. */
  readonly text: string;
}

export interface LogLine {
  readonly event?: LogEvent;
  readonly error?: NixError;
}

const levels = ["error", "warning", "notice", "info"] as const;
const activities: Readonly<Record<number, ActivityKind>> = {
  100: "copy-path",
  101: "download",
  102: "realise",
  103: "copy-paths",
  104: "builds",
  105: "build",
  106: "optimise-store",
  107: "verify-paths",
  108: "substitute",
  109: "query-path-info",
  110: "post-build-hook",
  111: "build-waiting",
};
const results = { buildLogLine: 101, setPhase: 104, progress: 105, postBuildLogLine: 107 } as const;

/** What is read of a line; any of it may be missing, or another thing. */
type Fields = Readonly<Record<string, unknown>>;

/** Reads one line of standard error. Lines in no known form are messages. */
export function parseLogLine(line: string): LogLine {
  const fields = line.startsWith("@nix ") ? parseFields(line.slice("@nix ".length)) : undefined;
  if (!fields) return said(plain(line), undefined);
  // Identifiers have 64 bits, more than numbers here; as text they still tell activities apart.
  const id = /"id":(\d+)/.exec(line)?.[1] ?? "";
  switch (fields.action) {
    case "msg":
      return message(fields);
    case "start":
      return { event: started(fields, id) };
    case "stop":
      return { event: { type: "stop", id } };
    case "result":
      return result(fields, id);
    default:
      return {};
  }
}

function parseFields(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function message(fields: Fields): LogLine {
  const text = plain(fields.msg);
  if (fields.raw_msg === undefined) return said(text, fields.level);
  if (fields.level !== 0) return said(plain(fields.raw_msg), fields.level);
  const trace = Array.isArray(fields.trace) ? (fields.trace as readonly Fields[]) : [];
  const short = plain(fields.raw_msg);
  return {
    event: { type: "message", level: "error", text: short },
    error: {
      message: short,
      ...positionOf(fields),
      trace: trace.map((item) => ({ message: plain(item.raw_msg), ...positionOf(item) })),
      text,
    },
  };
}

/** A message that is text and no more, as a daemon hands it on. */
function said(text: string, level: unknown): LogLine {
  const [, word, rest = ""] = /^(error|warning|trace): ?([^]*)$/.exec(text) ?? [];
  if (word === "trace") return { event: { type: "trace", text: rest } };
  if (word === "warning") return { event: { type: "message", level: "warning", text: rest } };
  if (word === "error") {
    return { event: { type: "message", level: "error", text: rest }, error: errorFromText(rest, text) };
  }
  const known = typeof level === "number" ? (levels[level] ?? "debug") : "info";
  return { event: { type: "message", level: known, text } };
}

function errorFromText(rest: string, text: string): NixError {
  const [message = ""] = rest.split(/\n\s*\n/, 1);
  const at = /\bat (\S.*):(\d+):(\d+):?$/m.exec(rest);
  const position = at && { file: at[1] ?? "", line: Number(at[2]), column: Number(at[3]) };
  return { message, ...(position && { position }), trace: [], text };
}

function positionOf({ file, line, column }: Fields): { readonly position?: Position } {
  if (typeof file !== "string" || typeof line !== "number" || typeof column !== "number") return {};
  // An older Nix, such as 2.8, has the expression itself for its file.
  const name = /^(?:[/«].*)$/.test(file) ? file : "«stdin»";
  return { position: { file: name, line, column } };
}

function started(fields: Fields, id: string): LogEvent {
  const [path] = Array.isArray(fields.fields) ? (fields.fields as readonly unknown[]) : [];
  return {
    type: "start",
    id,
    kind: activities[Number(fields.type)] ?? "other",
    text: plain(fields.text),
    ...(typeof path === "string" && { path }),
  };
}

function result({ type, fields }: Fields, id: string): LogLine {
  const values = Array.isArray(fields) ? (fields as readonly unknown[]) : [];
  switch (type) {
    case results.buildLogLine:
    case results.postBuildLogLine:
      return { event: { type: "build-log", id, line: plain(values[0]) } };
    case results.setPhase:
      return { event: { type: "phase", id, phase: plain(values[0]) } };
    case results.progress: {
      const [done = 0, expected = 0, running = 0, failed = 0] = values.map(Number);
      return { event: { type: "progress", id, done, expected, running, failed } };
    }
    default:
      return {};
  }
}

/** Text without colours. */
function plain(value: unknown): string {
  return typeof value === "string" ? stripVTControlCharacters(value) : "";
}
