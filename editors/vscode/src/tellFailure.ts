/** Failures of what a user asked for. */
import * as vscode from "vscode";

export async function tellFailure(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await vscode.window.showErrorMessage(`laminix: ${failureText(error)}`);
  }
}

/** The message, and behind it the hint of an answer of the server. */
export function failureText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const data = error instanceof Error && "data" in error ? error.data : undefined;
  const hint = typeof data === "object" && data !== null && "hint" in data ? data.hint : undefined;
  return typeof hint === "string" ? `${message} (${hint})` : message;
}
