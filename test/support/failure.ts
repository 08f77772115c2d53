import type { LaminixError } from "../../dist/index.js";

/** What a call is rejected with: a coded error, unless the test finds out otherwise. */
export async function failureOf(promise: Promise<unknown>): Promise<LaminixError> {
  try {
    await promise;
  } catch (error) {
    return error as LaminixError;
  }
  throw new Error("nothing was thrown");
}
