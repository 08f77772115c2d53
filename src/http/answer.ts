/** What a server answers. */
import type { Dispatcher } from "undici";
import { collect, type OwnedPiece } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import { type Failure, isPassing, type Reason, reasonOf } from "./reason.js";
import { mayPass } from "./retry.js";

export interface AnswerOptions {
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
  readonly failure: Failure;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that are read of what is not wanted, so that the connection can be used again. */
const DISCARDED = 1 << 16;

/** Its body is to be read, or left by `discard`. */
export class Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What was asked last. */
  readonly url: URL;
  readonly #body: Dispatcher.ResponseData["body"];
  readonly #options: AnswerOptions;

  constructor(url: URL, { statusCode, headers, body }: Dispatcher.ResponseData, options: AnswerOptions) {
    this.status = statusCode;
    this.headers = headers;
    this.url = url;
    this.#body = body;
    this.#options = options;
  }

  /** Only where it is there once. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return typeof value === "string" ? value : undefined;
  }

  /** The body, once. */
  async *bytes(): AsyncGenerator<OwnedPiece> {
    try {
      yield* this.#body as AsyncIterable<OwnedPiece>;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      throw lineFailure(this.url, error, this.#options);
    }
  }

  /** A short body; `undefined` where it is longer than `limit` bytes. */
  short(limit: number): Promise<Buffer | undefined> {
    return collect(this.bytes(), limit);
  }

  /** Leaves the body unread. */
  async discard(): Promise<void> {
    await this.#body.dump({ limit: DISCARDED }).catch(() => undefined);
  }

  /** Where its `Location` leads; the caller's error where that is nowhere, or out of TLS. */
  leadsTo(): URL {
    const { url } = this;
    const refuse = (kind: Reason["kind"], why: string): LaminixError =>
      this.#options.failure(url, { kind, why });
    const location = this.header("location");
    if (location === undefined) throw refuse("misled", "it tells no Location");
    const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (target?.protocol !== "https:" && target?.protocol !== "http:")
      throw refuse("misled", "it leads to what is no URL of HTTP");
    if (url.protocol === "https:" && target.protocol === "http:")
      throw refuse("downgraded", "it leads from https to http");
    target.username = target.password = target.hash = "";
    return target;
  }
}

/** The caller's error for a line that failed; what is one already stays as it is. */
export function lineFailure(url: URL, error: unknown, { silence, failure }: AnswerOptions): LaminixError {
  if (error instanceof LaminixError) return error;
  const refusal = failure(url, reasonOf(error, silence));
  return isPassing(error) ? mayPass(refusal) : refusal;
}
