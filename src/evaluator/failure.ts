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

/** How what Nix says of its work is shown to the caller. */
export interface TextOfNix {
  /** Whether it was the caller's work at all. */
  readonly isHidden: (message: string) => boolean;
  /** The same text with the caller's names. */
  readonly renamed: (text: string) => string;
}

export function evaluationFailure(
  { error, lines }: Transcript,
  cause: LaminixError,
  place: Place,
  { isHidden, renamed }: TextOfNix = { isHidden: () => false, renamed: (text) => text },
): LaminixError {
  const { position, trace, ...texts } = error ?? unknown(cause);
  const message = renamed(texts.message);
  const text = renamed(texts.text);
  const shown = trace.flatMap((item) => {
    const found = placed(item.position, place);
    const isShown = item.position ? found.position : !isHidden(item.message);
    return isShown ? [{ message: renamed(item.message), ...found }] : [];
  });
  const isAsPrinted =
    placed(position, place).position === position &&
    shown.length === trace.length &&
    shown.every((item, i) => item.position === trace[i]?.position);
  const details: EvaluationDetails = {
    message,
    ...placed(position, place),
    trace: shown,
    // What Nix printed shows all that it was given.
    text: isAsPrinted ? text : formatNixError(message, placed(position, place), shown),
    log: lines.map(renamed),
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
    const isMoved = columnsBefore > 0 && position.file === "«stdin»" && position.line === 1;
    return isMoved ? { ...position, column: Math.max(1, position.column - columnsBefore) } : position;
  };
}

function placed(position: Position | undefined, place: Place): { readonly position?: Position } {
  const found = position && place(position);
  return found ? { position: found } : {};
}
