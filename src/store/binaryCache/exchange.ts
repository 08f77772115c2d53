/** One request over HTTP and its answer, with patience for a slow server and none for a silent one. */
import { abortScope } from "../../abort.js";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * The body's pieces, once. It has to be begun with, since only then its end is known: read to its end it lets the
   * connection be used again, left early it ends it.
   */
  readonly body: AsyncGenerator<Uint8Array>;
}

export interface ExchangeOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
}

/** The server said nothing for too long. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
}

/**
 * Asks for a file, also where a redirect leads; `fetch` takes credentials to no other origin. The signal is heard
 * until the body has been read or left.
 */
export async function exchange(url: URL, { headers, silence, signal }: ExchangeOptions): Promise<Answer> {
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
  async function* pieces(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
    try {
      const reader = body?.getReader();
      while (reader) {
        const { done, value } = await soon(reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      scope[Symbol.dispose]();
    }
  }
  try {
    const response = await soon(fetch(url, { headers, signal: scope.signal }));
    return { status: response.status, headers: response.headers, body: pieces(response.body) };
  } catch (error) {
    scope[Symbol.dispose]();
    throw error;
  }
}
