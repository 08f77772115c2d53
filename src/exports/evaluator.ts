/** `laminix/evaluator`: Nix expressions, evaluated and built. */
import "../disposal.js";
export { ArgumentError, LaminixError, type ErrorCode } from "../errors.js";
export { evaluate, type EvaluateOptions } from "../evaluator/evaluate.js";
export type { Evaluator, LoadSubjectOptions } from "../evaluator/live/evaluator.js";
export type {
  EvaluatorValue,
  KeysOptions,
  NixType,
  StringContext,
  ValueDescription,
} from "../evaluator/live/evaluatorValue.js";
export { type NixData, type NixDerivation, NixFunction } from "../evaluator/live/data.js";
export { openEvaluator } from "../evaluator/live/openEvaluator.js";
export type { EvaluatorOptions, QuestionOptions, ToJsOptions } from "../evaluator/live/options.js";
export { NixExpression } from "../evaluator/expression.js";
export type { BuildDetails, EvaluationDetails } from "../evaluator/failure.js";
export type { NixValue } from "../evaluator/json.js";
export type { LogEvent, LogLevel } from "../evaluator/log.js";
export type { NixError, Position, TraceItem } from "../evaluator/nixError.js";
export type { NixProgramOptions } from "../evaluator/program.js";
export { type Installable, realise } from "../evaluator/realise.js";
export type { FlakeOutput, NixFile, Subject, SubjectOptions } from "../evaluator/subject.js";
export { nix } from "../evaluator/template.js";
export type { FailedBuild } from "../evaluator/transcript.js";
export { type NixInput, nixPath, toNix } from "../evaluator/value.js";
export type { StorePath } from "../store/storePath.js";
