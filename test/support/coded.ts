/** What fuzzing asks of everything: an answer, or an error with a code. */
import { LaminixError } from "../../dist/errors.js";

/** Rejects for an error that has no code, or a message that lacks a name. */
export async function answersOrIsCoded(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    requireCoded(error);
  }
}

/** The same for what answers at once. */
export function answersNowOrIsCoded(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    requireCoded(error);
  }
}

function requireCoded(error: unknown): void {
  // What an aborted call rejects with is the signal's own.
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof LaminixError) || error.code === "ERR_INTERNAL") {
    throw new Error("an error without a code", { cause: error });
  }
  if (/^\s|(?:^|\s)$/.test(error.message)) {
    throw new Error(`a message that begins or ends with nothing: ${JSON.stringify(error.message)}`, {
      cause: error,
    });
  }
}
