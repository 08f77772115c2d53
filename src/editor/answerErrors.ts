/** What an editor is told of a request that failed: always a number of the protocol's, and a code of ours. */
import { ResponseError } from "vscode-jsonrpc/node";
import { LaminixError } from "../errors.js";
import { redactText } from "../redact.js";

/** JSON-RPC 2.0, "Error object", and LSP 3.18, ErrorCodes and LSPErrorCodes. */
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;
const INVALID_REQUEST = -32600;
const SERVER_NOT_INITIALIZED = -32002;
const REQUEST_CANCELLED = -32800;
const CONTENT_MODIFIED = -32801;
const REQUEST_FAILED = -32803;

/** Beside each answer that is an error. */
export interface ErrorData {
  /** As docs/errors.md lists them; `ERR_CANCELLED` and `ERR_CONTENT_MODIFIED` besides. */
  readonly code: string;
  readonly hint?: string;
}

function answer(number: number, message: string, code: string, hint?: string): ResponseError<ErrorData> {
  return new ResponseError(number, message, { code, ...(hint !== undefined && { hint }) });
}

/** The editor has taken the question back. */
export function cancelled(): ResponseError<ErrorData> {
  return answer(REQUEST_CANCELLED, "the request was cancelled", "ERR_CANCELLED");
}

/** The answer would be about a text that is no longer there. */
export function contentModified(): ResponseError<ErrorData> {
  return answer(CONTENT_MODIFIED, "the text has changed meanwhile", "ERR_CONTENT_MODIFIED");
}

export function unknownMethod(method: string): ResponseError<ErrorData> {
  return answer(METHOD_NOT_FOUND, `there is no request ${JSON.stringify(method)} here`, "ERR_UNSUPPORTED");
}

export function notInitialized(): ResponseError<ErrorData> {
  return answer(SERVER_NOT_INITIALIZED, "the first request must be initialize", "ERR_USAGE");
}

/** @param why what the request came too late, or too early, for */
export function invalidRequest(why: string): ResponseError<ErrorData> {
  return answer(INVALID_REQUEST, why, "ERR_USAGE");
}

export function errorAnswer(error: unknown): ResponseError<ErrorData> {
  if (error instanceof ResponseError) return error as ResponseError<ErrorData>;
  if (error instanceof LaminixError) {
    const number = error.code === "ERR_ARGUMENT" ? INVALID_PARAMS : REQUEST_FAILED;
    return answer(number, error.message, error.code, error.hint);
  }
  if (error instanceof Error && error.name === "AbortError") return cancelled();
  return answer(
    INTERNAL_ERROR,
    redactText(error instanceof Error ? error.message : String(error)),
    "ERR_INTERNAL",
  );
}
