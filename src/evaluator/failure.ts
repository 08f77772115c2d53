/** The errors of evaluations and builds, made of what Nix said. */
import { LaminixError } from "../errors.js";
import { formatNixError, type NixError, type Position } from "./nixError.js";
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

/** What Nix says where an import from a derivation is not allowed. */
const NEEDS_BUILD = /cannot build .* during evaluation because the option 'allow-import-from-derivation'/;

/** What a place in what Nix was given is in what the caller gave; `undefined` where it is neither's. */
export type Place = (position: Position) => Position | undefined;

export function evaluationFailure(
  { error, lines }: Transcript,
  cause: LaminixError,
  place: Place,
): LaminixError {
  const { message, position, trace, text } = error ?? unknown(cause);
  const shown = trace.flatMap((item) => {
    const found = placed(item.position, place);
    return item.position && !found.position ? [] : [{ message: item.message, ...found }];
  });
  const details: EvaluationDetails = {
    message,
    ...placed(position, place),
    trace: shown,
    // What Nix printed shows all that it was given.
    text: shown.length === trace.length ? text : formatNixError(message, placed(position, place), shown),
    log: lines,
  };
  const where = details.position;
  const at = where ? ` at ${where.file}:${String(where.line)}:${String(where.column)}` : "";
  const [, hint] = /(Did you mean [^?]*\?)/.exec(text) ?? [];
  if (NEEDS_BUILD.test(message)) {
    return new LaminixError("ERR_EVALUATION_BUILDS", `${message}${at}`, {
      cause,
      details: { ...details },
      hint: 'evaluate with mode: "read-write" (--read-write-mode), where it may be built',
    });
  }
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

/** @param columnsBefore characters that stood before an expression, on its first line */
export function afterColumns(columnsBefore: number): Place {
  return (position) => {
    const isMoved = position.file === "«stdin»" && position.line === 1;
    return isMoved ? { ...position, column: Math.max(1, position.column - columnsBefore) } : position;
  };
}

function placed(position: Position | undefined, place: Place): { readonly position?: Position } {
  const found = position && place(position);
  return found ? { position: found } : {};
}
