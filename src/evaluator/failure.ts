/** The errors of evaluations and builds, made of what Nix said. */
import { LaminixError } from "../errors.js";
import type { NixError, Position } from "./log.js";
import type { FailedBuild, Transcript } from "./transcript.js";

/** `details` of ERR_EVALUATION. */
export interface EvaluationDetails extends NixError {
  /** What else was said: messages, traces and the lines of builders, the last thousand. */
  readonly log: readonly string[];
}

/** `details` of ERR_BUILD. */
export interface BuildDetails {
  /** The derivations that failed themselves, in order; not those that only depend on them. */
  readonly results: readonly FailedBuild[];
  readonly log: readonly string[];
}

/** @param columnsBefore characters that stood before the expression, and count in no position */
export function evaluationFailure(
  { error, lines }: Transcript,
  cause: LaminixError,
  columnsBefore: number,
): LaminixError {
  const { message, position, trace, text } = error ?? unknown(cause);
  const details: EvaluationDetails = {
    message,
    ...moved(position, columnsBefore),
    trace: trace.map((item) => ({ message: item.message, ...moved(item.position, columnsBefore) })),
    text,
    log: lines,
  };
  const place = details.position;
  const at = place ? ` at ${place.file}:${String(place.line)}:${String(place.column)}` : "";
  const [, hint] = /(Did you mean [^?]*\?)/.exec(text) ?? [];
  return new LaminixError("ERR_EVALUATION", `${message}${at}`, {
    cause,
    details: { ...details },
    ...(hint !== undefined && { hint }),
  });
}

export function buildFailure(transcript: Transcript, cause: LaminixError): LaminixError {
  const { errors, lines } = transcript;
  const failed = transcript.failedBuilds();
  const results = failed.length > 0 ? failed : [{ message: (errors[0] ?? unknown(cause)).message, log: [] }];
  const details: BuildDetails = { results, log: lines };
  const [first] = results;
  const end = first?.log.at(-1);
  return new LaminixError(
    "ERR_BUILD",
    `${first?.message ?? ""}${end === undefined ? "" : `; its log ends: ${end}`}`,
    {
      cause,
      details: { ...details },
      ...(first && "derivation" in first && { hint: `nix log ${first.derivation ?? ""}` }),
    },
  );
}

/** What to tell of a program that failed without an error of Nix's. */
function unknown({ message }: LaminixError): NixError {
  return { message, trace: [], text: message };
}

function moved(position: Position | undefined, columns: number): { readonly position?: Position } {
  if (!position) return {};
  const isMoved = position.file === "«stdin»" && position.line === 1;
  return { position: isMoved ? { ...position, column: Math.max(1, position.column - columns) } : position };
}
