/** All checks at once, within the time that a person waits. */
import { abortable, abortScope } from "../../abort.js";
import { type Check, failed, type Found, type Situation } from "./check.js";

export interface Finding extends Found {
  readonly feature: string;
  readonly neededFor: string;
}

/** Milliseconds. */
const LIMIT = 2000;

/** @throws the reason of the situation's signal, and nothing else */
export async function examine(checks: readonly Check[], situation: Situation): Promise<Finding[]> {
  using scope = abortScope(situation.signal, AbortSignal.timeout(LIMIT));
  const { signal } = scope;
  const examined = checks.map(async ({ feature, neededFor, look }) => {
    const found = await outcome(async () => look({ ...situation, signal }), signal);
    return { feature, neededFor, ...found };
  });
  const findings = await Promise.all(examined);
  situation.signal.throwIfAborted();
  return findings;
}

async function outcome(look: () => Promise<Found>, signal: AbortSignal): Promise<Found> {
  try {
    return await abortable(look(), signal);
  } catch (error) {
    return signal.aborted
      ? { status: "unknown", found: `did not answer within ${String(LIMIT / 1000)} seconds` }
      : failed(error);
  }
}
