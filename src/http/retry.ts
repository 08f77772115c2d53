/** What is worth another attempt, and when. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorOptions, LaminixError } from "../errors.js";

/** Milliseconds. A server that wants to be left alone for longer is not waited for. */
export const LONGEST_PAUSE = 60_000;

/** Failures that another attempt may not meet, each with the milliseconds that the server asks to be left alone for. */
const passing = new WeakMap<LaminixError, number>();

/** The same failure, which another attempt may not meet. */
export function mayPass(failure: LaminixError, pause = 0): LaminixError {
  passing.set(failure, pause);
  return failure;
}

/** Statuses that another attempt may not meet. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

const PASSING_CODES = new Set([
  ...["ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"],
  ...["UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"],
  ...["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_ABORTED", "UND_ERR_INFO"],
]);

/** The same of the codes of system calls and of undici. */
export function isPassingCode(code: string): boolean {
  return PASSING_CODES.has(code);
}

export interface PatienceOptions {
  /** How often something is tried at most. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; twice as long before each further one. */
  readonly firstPause: number;
}

/** The attempts at one thing. */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #signal: AbortSignal | undefined;
  #failed = 0;

  constructor(options: PatienceOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#signal = signal;
  }

  /** The last attempt got somewhere: it counts for none. */
  progressed(): void {
    this.#failed = 0;
  }

  /** Waits before the next attempt; throws what the last one failed with where there is to be none. */
  async afterFailure(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    const asked = error instanceof LaminixError ? passing.get(error) : undefined;
    if (asked === undefined) throw error;
    const failure = error as LaminixError;
    const { attempts, firstPause } = this.#options;
    const pause = Math.max(asked, this.#backOff(firstPause));
    if (++this.#failed >= attempts) throw lasting(failure);
    if (pause > LONGEST_PAUSE) throw comeLater(failure, pause);
    await sleep(pause, undefined, { signal: this.#signal }).catch(() => this.#signal?.throwIfAborted());
  }

  /** A little different each time, so that many who were turned away do not all come back at once. */
  #backOff(first: number): number {
    return Math.min(first * 2 ** this.#failed * (0.5 + Math.random()), LONGEST_PAUSE);
  }
}

/** Runs an attempt until one succeeds. */
export async function patiently<T>(
  attempt: () => Promise<T>,
  options: PatienceOptions,
  signal: AbortSignal | undefined,
): Promise<T> {
  const patience = new Patience(options, signal);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await patience.afterFailure(error);
    }
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Milliseconds to wait, as the answer has it: `Retry-After` (RFC 9110, 10.2.3), Docker Hub's `X-Retry-After`, or, where
 * nothing remains of a limit, when it begins anew (`RateLimit-Reset`).
 */
export function pauseOf(headers: Headers, now: number): number | undefined {
  const retryAfter = one(headers["retry-after"]);
  const announced = moment(retryAfter, now) ?? moment(one(headers["x-retry-after"]), now);
  if (announced !== undefined) return announced;
  const remaining = one(headers["ratelimit-remaining"]) ?? one(headers["x-ratelimit-remaining"]);
  if (remaining === undefined || Number.parseInt(remaining, 10) !== 0) return undefined;
  return moment(one(headers["ratelimit-reset"]) ?? one(headers["x-ratelimit-reset"]), now);
}

/** What the answer says of a limit of requests, for the error. */
export function rateLimitOf(headers: Headers): Readonly<Record<string, string>> | undefined {
  const announced = Object.entries(headers).flatMap(([name, value]) =>
    /^(?:x-)?ratelimit-/.test(name) ? [[name, one(value) ?? ""] as const] : [],
  );
  return announced.length === 0 ? undefined : Object.fromEntries(announced);
}

/** Seconds from now, seconds since 1970 (nobody is to wait for years), or a date. */
function moment(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) {
    const seconds = Number(text);
    return seconds > 1e9 ? Math.max(0, seconds * 1000 - now) : seconds * 1000;
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** A copy that is not tried again by whoever is told. Others may wait for the same failure with attempts left. */
function lasting(failure: LaminixError, more: ErrorOptions = {}): LaminixError {
  const { code, message, cause, details, hint } = failure;
  return new LaminixError(code, message, { cause, details, ...(hint !== undefined && { hint }), ...more });
}

function comeLater(failure: LaminixError, pause: number): LaminixError {
  const seconds = Math.ceil(pause / 1000);
  return lasting(failure, {
    details: { ...failure.details, retryAfter: seconds },
    hint: `the server asks to come back in ${String(seconds)} s`,
  });
}
