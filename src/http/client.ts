/** One request over HTTP and its answer, redirects followed. */
import { setMaxListeners } from "node:events";
import type { BorrowedBytes } from "../bytes/bytes.js";
import { Answer, lineFailure } from "./answer.js";
import type { Authorization } from "./authorization.js";
import type { ConnectionOptions, Connections } from "./connections.js";
import type { Failure } from "./reason.js";
import { sentPieces } from "./sentPieces.js";

/** Without credentials: these go as an {@link Authorization}, which knows whom it is for. */
export type RequestHeaders = Readonly<Record<string, string>> & {
  readonly [credentials in "authorization" | "cookie" | "proxy-authorization"]?: never;
};

export interface Exchange {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: RequestHeaders;
  /** Only its own origin gets it. */
  readonly authorization?: Authorization | undefined;
  readonly body?: Uint8Array | BorrowedBytes | undefined;
  /** Milliseconds that the server may say nothing for, 0 for as long as it likes; the client's unless given. */
  readonly silence?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpOptions extends ConnectionOptions {
  /** Milliseconds that a server may say nothing for. */
  readonly silence: number;
  /** Of GET and HEAD; followed unless given. */
  readonly redirects?: "follow" | "leave";
  readonly failure: Failure;
}

const MAX_REDIRECTS = 8;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export class HttpClient {
  readonly #options: HttpOptions;
  #connections: Promise<Connections> | undefined;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /**
   * Asks once. What began with TLS is followed with it only.
   * @throws {LaminixError} the caller's own, which `Patience` knows for one that may pass where it may
   * @throws what the body throws
   */
  async exchange(asked: Exchange): Promise<Answer> {
    const { method, signal } = asked;
    const { redirects = "follow" } = this.#options;
    let { url } = asked;
    // Every request listens, and a hundred layers are asked for at once: that is no leak.
    if (signal) setMaxListeners(0, signal);
    for (let followed = 0; ; followed++) {
      const answer = await this.#send({ ...asked, url });
      const isRedirect = REDIRECTS.has(answer.status) && (method === "GET" || method === "HEAD");
      if (!isRedirect || redirects === "leave") return answer;
      await answer.discard();
      if (followed === MAX_REDIRECTS)
        throw this.#options.failure(url, { kind: "misled", why: "there are too many redirects" });
      url = answer.leadsTo();
    }
  }

  /** Connections are cut; requests that still run reject. Idempotent. */
  async close(): Promise<void> {
    await (await this.#connections)?.close();
  }

  /** Loaded for those who need it: most of a short program's time is loading. */
  async #connect(): Promise<Connections> {
    const { Connections } = await import("./connections.js");
    return new Connections(this.#options);
  }

  async #send(asked: Exchange): Promise<Answer> {
    const { method, url, headers, authorization, body, signal } = asked;
    const { failure } = this.#options;
    const silence = asked.silence ?? this.#options.silence;
    signal?.throwIfAborted();
    const source = body && new Source(body);
    try {
      this.#connections ??= this.#connect();
      const response = await (await this.#connections).to(url).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { ...headers, "user-agent": "laminix", ...authorization?.headersFor(url) },
        body: (source?.body ?? null) as Uint8Array | null, // undici takes async iterables too, and its types do not say so
        headersTimeout: silence,
        bodyTimeout: silence,
        signal: signal ?? null,
      });
      return new Answer(url, response, { silence, failure, signal });
    } catch (error) {
      signal?.throwIfAborted();
      source?.throwIfFailed();
      throw lineFailure(url, error, { silence, failure });
    }
  }
}

/** What is sent. Whoever sends it may not tell why it ended. */
class Source {
  readonly body: Uint8Array | BorrowedBytes;
  #failed: { readonly error: unknown } | undefined;

  constructor(body: Uint8Array | BorrowedBytes) {
    this.body = body instanceof Uint8Array ? body : this.#watched(sentPieces(body));
  }

  throwIfFailed(): void {
    if (this.#failed) throw this.#failed.error;
  }

  async *#watched(pieces: BorrowedBytes): BorrowedBytes {
    try {
      yield* pieces;
    } catch (error) {
      this.#failed = { error };
      throw error;
    }
  }
}
