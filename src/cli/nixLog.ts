/** What Nix says while it works, on standard error. */
import type { LogEvent } from "../evaluator/log.js";
import { type Span, styled } from "./colour.js";
import type { Io } from "./io.js";
import type { CommonOptions } from "./options.js";

/** Plain lines: warnings, traces and what is built; with `--verbose` also what builders print. */
export function printNixLog(
  { stderr, warnings }: Io,
  { json, quiet, verbose }: CommonOptions,
): (event: LogEvent) => void {
  return (event) => {
    if (json && event.type === "message" && event.level === "warning") {
      warnings.push(event.text);
      return;
    }
    const line = quiet ? undefined : lineOf(event, verbose === true ? "all" : "some");
    if (line !== undefined) stderr.write([...line, "\n"]);
  };
}

function lineOf(event: LogEvent, which: "some" | "all"): readonly (string | Span)[] | undefined {
  switch (event.type) {
    case "trace":
      return [`trace: ${event.text}`];
    case "message":
      // An error that matters is what the command ends with.
      if (event.level === "warning") return [styled("warning", "warning:"), ` ${event.text}`];
      return which === "all" ? [event.text] : undefined;
    case "start":
      return ["build", "substitute"].includes(event.activity.kind) ? [event.activity.text] : undefined;
    case "build-log":
      return which === "all" ? [event.line] : undefined;
    default:
      return undefined;
  }
}
