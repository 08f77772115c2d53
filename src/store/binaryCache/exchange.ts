/** One request over HTTP and its answer, with patience for a slow server and none for a silent one. */
import { abortScope } from "../../abort.js";
import { type OwnedPiece, ownedPiece } from "../../bytes/bytes.js";
import type { Authorization } from "../../http/authorization.js";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * The body's pieces, once. It has to be begun with, since only then its end is known: read to its end it lets the
   * connection be used again, left early it ends it.
   */
  readonly body: AsyncGenerator<OwnedPiece>;
}

export interface ExchangeOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization?: Authorization | undefined;
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
}

/** The server said nothing for too long. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
}

/** A redirect that is not followed. */
export class RedirectError extends Error {
  override readonly name = "RedirectError";
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 8;

/**
 * Asks for a file and follows redirects, but not from https to http. The signal is heard until the body has been read or
 * left.
 * @throws {RedirectError}, {@link SilenceError}, and what `fetch` throws
 */
export async function exchange(asked: URL, options: ExchangeOptions): Promise<Answer> {
  const { headers, authorization, silence, signal } = options;
  signal?.throwIfAborted();
  const scope = abortScope(signal);
  /** Time counts only while the server is waited for, not while the reader takes its own. */
  async function soon<T>(promise: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      scope.abort(new SilenceError(`silent for ${String(silence / 1000)} s`));
    }, silence);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
  async function* pieces(body: ReadableStream<Uint8Array> | null): AsyncGenerator<OwnedPiece> {
    try {
      const reader = body?.getReader();
      while (reader) {
        const { done, value } = await soon(reader.read());
        if (done) return;
        yield ownedPiece(value);
      }
    } finally {
      scope[Symbol.dispose]();
    }
  }
  try {
    let url = asked;
    for (let redirects = 0; ; redirects++) {
      const sent = { ...headers, ...authorization?.headersFor(url) };
      const response = await soon(fetch(url, { headers: sent, redirect: "manual", signal: scope.signal }));
      const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
      if (location === null)
        return { status: response.status, headers: response.headers, body: pieces(response.body) };
      await response.body?.cancel();
      if (redirects === MAX_REDIRECTS) throw new RedirectError("there are too many redirects");
      url = leadsTo(location, url);
    }
  } catch (error) {
    scope[Symbol.dispose]();
    throw error;
  }
}

function leadsTo(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new RedirectError("it leads to what is no URL of HTTP");
  if (from.protocol === "https:" && url.protocol === "http:")
    throw new RedirectError("it leads from https to http");
  url.username = url.password = "";
  return url;
}
