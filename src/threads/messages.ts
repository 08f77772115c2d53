/** What threads say to one another. */
import { type ErrorCode, LaminixError } from "../errors.js";

export type Message<Task, Notice> =
  { readonly id: number; readonly task: Task } | { readonly notice: Notice };

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: SentError }
  /** How far a task is; it goes on. */
  | { readonly id: number; readonly report: unknown };

/** An error as it crosses threads; what is not coded stays as it is. */
export type SentError = { readonly coded: CodedError } | { readonly other: unknown };

interface CodedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: string | undefined;
}

export function sent(error: unknown): SentError {
  if (!(error instanceof LaminixError)) return { other: error };
  const { code, message, hint, details, cause } = error;
  return {
    coded: { code, message, hint, details, cause: cause instanceof Error ? cause.message : undefined },
  };
}

/** @param failure what an error that is not coded is called */
export function received(error: SentError, failure: string): LaminixError {
  if ("other" in error) return new LaminixError("ERR_INTERNAL", failure, { cause: error.other });
  const { code, message, hint, details, cause } = error.coded;
  return new LaminixError(code, message, { details, ...(hint && { hint }), ...(cause && { cause }) });
}
