/**
 * What Nix's programs say while they work, with `--log-format internal-json`: a line of JSON an event, after `@nix `
 * (Nix, src/libutil/logging.cc and include/nix/util/logging.hh).
 */
import { stripVTControlCharacters } from "node:util";
import { redactText } from "../redact.js";
import { eventsTo, type StoreEvent } from "../store/events.js";
import type { NativeMessage } from "../store/native.js";
import { type NixError, parseErrorText, type Position } from "./nixError.js";

export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

/** The events of a store's work, and what an evaluation says. */
export type LogEvent =
  | Exclude<StoreEvent, { readonly type: "log" }>
  | { readonly type: "message"; readonly level: LogLevel; readonly text: string }
  /** Of `builtins.trace`. */
  | { readonly type: "trace"; readonly text: string };

export interface LogLine {
  readonly event?: LogEvent;
  readonly error?: NixError;
}

const levels = ["error", "warning", "notice", "info"] as const;
/** What is read of a line; any of it may be missing, or another thing. */
type Fields = Readonly<Record<string, unknown>>;

/** Reads standard error, line by line. Lines in no known form are messages. */
export function logReader(): (line: string) => LogLine {
  const heard: StoreEvent[] = [];
  const hear = eventsTo((event) => heard.push(event));
  return (line) => {
    const fields = line.startsWith("@nix ") ? parseFields(line.slice("@nix ".length)) : undefined;
    if (!fields) return logLine(redacted(line), undefined);
    if (fields.action === "msg") return message(fields);
    const activity = activityMessage(fields, line);
    if (activity) hear(activity);
    const event = heard.pop();
    // A daemon's own log comes as messages, above.
    return event && event.type !== "log" ? { event } : {};
  };
}

/** A file that is about to be read as source, which Nix tells from `-v` on. */
export function importedFile(event: LogEvent): string | undefined {
  if (event.type !== "message" || event.level !== "debug") return undefined;
  return /^evaluating file '(\/.*)'$/.exec(event.text)?.[1];
}

/** As a daemon says the same. */
function activityMessage(fields: Fields, line: string): NativeMessage | undefined {
  // Identifiers have 64 bits, more than numbers here: they are read from the text.
  const id = BigInt(/"id":(\d+)/.exec(line)?.[1] ?? 0);
  const parent = BigInt(/"parent":(\d+)/.exec(line)?.[1] ?? 0);
  const type = Number(fields.type);
  const values = (Array.isArray(fields.fields) ? (fields.fields as readonly unknown[]) : []).map((value) =>
    typeof value === "number" ? value : plain(value),
  );
  switch (fields.action) {
    case "start":
      return {
        kind: "start",
        id,
        parent,
        level: Number(fields.level),
        type,
        text: plain(fields.text),
        fields: values,
      };
    case "stop":
      return { kind: "stop", id };
    case "result":
      return { kind: "result", id, type, fields: values };
    default:
      return undefined;
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
  const text = redacted(fields.msg);
  if (fields.raw_msg === undefined) return logLine(text, fields.level);
  if (fields.level !== 0) return logLine(redacted(fields.raw_msg), fields.level);
  const trace = Array.isArray(fields.trace) ? (fields.trace as readonly Fields[]) : [];
  const short = redacted(fields.raw_msg);
  return {
    event: { type: "message", level: "error", text: short },
    error: {
      message: short,
      ...positionOf(fields),
      trace: trace.map((item) => ({ message: redacted(item.raw_msg), ...positionOf(item) })),
      text,
    },
  };
}

/** A message that is text and no more, as a daemon hands it on. */
function logLine(text: string, level: unknown): LogLine {
  const [, word, rest = ""] = /^(error|warning|trace): ?([^]*)$/.exec(text) ?? [];
  if (word === "trace") return { event: { type: "trace", text: rest } };
  if (word === "warning") return { event: { type: "message", level: "warning", text: rest } };
  if (word === "error") {
    const error = parseErrorText(text);
    return { event: { type: "message", level: "error", text: error.message }, error };
  }
  const known = typeof level === "number" ? (levels[level] ?? "debug") : "info";
  return { event: { type: "message", level: known, text } };
}

function positionOf({ file, line, column }: Fields): { readonly position?: Position } {
  if (typeof file !== "string" || typeof line !== "number" || typeof column !== "number") return {};
  // An older Nix, such as 2.8, has the expression itself for its file; a newer one says the place with the file again.
  const name = /^(?:[/«].*)$/.test(file) ? file : "«stdin»";
  const again = `:${String(line)}:${String(column)}`;
  return { position: { file: name.endsWith(again) ? name.slice(0, -again.length) : name, line, column } };
}

/** Text without colours. */
function plain(value: unknown): string {
  return typeof value === "string" ? stripVTControlCharacters(value) : "";
}

/** Text of Nix itself, which names the stores that it talks to, also without the passwords of URLs. */
function redacted(value: unknown): string {
  return redactText(plain(value));
}
