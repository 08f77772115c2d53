/** A binary cache behind HTTP, and files on other servers that it leads to. */
import { setTimeout as sleep } from "node:timers/promises";
import type { OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { Authorization } from "../../http/authorization.js";
import { redactUrl } from "../../redact.js";
import type { CallOptions } from "../connection.js";
import { type Answer, exchange, RedirectError, SilenceError } from "./exchange.js";
import { absent, type CacheFiles } from "./files.js";

export interface HttpOptions {
  readonly authorization: Authorization | undefined;
  /** How often a file is asked for at most. */
  readonly attempts: number;
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
}

/** Milliseconds before the second attempt; twice as long before each further one. */
const FIRST_PAUSE = 250;
/** Milliseconds. A server that wants to be left alone for longer is not waited for. */
const LONGEST_PAUSE = 60_000;

/** An attempt that failed in a way that may pass. */
class PassingError extends Error {
  /** Milliseconds that the server asks to be left alone for. */
  readonly pause: number | undefined;

  constructor(
    message: string,
    { cause, pause }: { readonly cause?: unknown; readonly pause?: number | undefined },
  ) {
    super(message, { cause });
    this.pause = pause;
  }
}

export class HttpFiles implements CacheFiles {
  readonly #base: URL;
  readonly #reader: HttpReader;

  /** @param base ends in a slash */
  constructor(base: URL, reader: HttpReader) {
    this.#base = base;
    this.#reader = reader;
  }

  read(name: string, options: CallOptions = {}): OwnedBytes {
    const url = new URL(name, this.#base);
    // Read once more as the server will read it.
    if (url.origin !== this.#base.origin || !url.pathname.startsWith(this.#base.pathname))
      throw failed(url, "it is not in the cache");
    return this.#reader.read(url, options);
  }
}

/** Reads files, with patience. */
export class HttpReader {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** A body that is cut off is asked for again from where it was cut. */
  async *read(url: URL, { signal }: CallOptions = {}): OwnedBytes {
    const { attempts } = this.#options;
    let taken = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        for await (const piece of this.#rest(url, taken, signal)) {
          taken += piece.length;
          yield piece;
        }
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof PassingError)) throw error;
        const pause = error.pause ?? pauseAfter(attempt);
        if (attempt >= attempts || pause > LONGEST_PAUSE) throw failed(url, error.message, error.cause);
        await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }

  /** The file's bytes from an offset on, in one attempt. */
  async *#rest(url: URL, offset: number, signal: AbortSignal | undefined): OwnedBytes {
    const { authorization, silence } = this.#options;
    const headers = {
      // What hashes are of is the file as it is.
      "accept-encoding": "identity",
      ...(offset > 0 && { range: `bytes=${String(offset)}-` }),
    };
    try {
      const answer = await exchange(url, { headers, authorization, silence, signal });
      let skip = await this.#skipped(url, answer, offset);
      for await (const piece of answer.body) {
        const skipped = Math.min(skip, piece.length);
        skip -= skipped;
        if (skipped < piece.length) yield piece.subarray(skipped);
      }
    } catch (error) {
      if (error instanceof LaminixError || error instanceof PassingError) throw error;
      throw lineError(url, error);
    }
  }

  /** How many bytes of the answer are known already. Throws unless the answer is one to read. */
  async #skipped(url: URL, { status, headers, body }: Answer, offset: number): Promise<number> {
    if (status === 200) return offset;
    if (status === 206 && offset > 0 && headers.get("content-range")?.startsWith(`bytes ${String(offset)}-`))
      return 0;
    await leave(body);
    if (status === 404 || status === 403 || status === 410)
      throw absent(redactUrl(url), undefined, { status });
    if (status === 401) {
      throw failed(url, "the server wants to know who asks (401)", undefined, {
        hint: "put name and password into the URL, or into the netrc file",
      });
    }
    const why = `the server answers ${String(status)}`;
    const passes = status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
    if (passes) throw new PassingError(why, { pause: pauseOf(headers.get("retry-after")) });
    throw failed(url, why);
  }
}

/** Reads the rest of a short body, so that the connection can be used again; a long one is not worth it. */
async function leave(body: AsyncIterable<Uint8Array>): Promise<void> {
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.length;
      if (size > 1 << 16) return;
    }
  } catch {
    // The answer's status is what counts.
  }
}

/** Milliseconds, a little different each time, so that many who were turned away do not all come back at once. */
function pauseAfter(attempt: number): number {
  return Math.min(FIRST_PAUSE * 2 ** (attempt - 1) * (1 + Math.random() / 2), LONGEST_PAUSE);
}

/** Milliseconds from now; the header has seconds or a date (RFC 9110, 10.2.3). */
function pauseOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** Codes of failures that another attempt may not meet. */
const PASSING = new Set([
  ...["ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"],
  ...["UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"],
]);

/** The error for a line that failed. `fetch` hides the reason below an error that says only that it failed. */
function lineError(url: URL, error: unknown): Error {
  if (error instanceof SilenceError)
    return new PassingError(`the server was ${error.message}`, { cause: error });
  if (error instanceof RedirectError) return failed(url, error.message, error);
  const reason = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  const why = `the line failed (${reason.code ?? reason.message})`;
  if (PASSING.has(reason.code ?? "")) return new PassingError(why, { cause: reason });
  return failed(url, why, reason);
}

function failed(url: URL, why: string, cause?: unknown, more: { readonly hint?: string } = {}): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `${redactUrl(url)} cannot be read: ${why}`, {
    cause,
    details: { url: redactUrl(url) },
    ...more,
  });
}
