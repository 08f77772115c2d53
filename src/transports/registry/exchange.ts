/** One request over HTTP and its answer, redirects followed. */
import { setMaxListeners } from "node:events";
import { type Dispatcher, request } from "undici";
import { collect, type OwnedBytes, ownedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { Authorization } from "../../http/authorization.js";
import { redactUrl } from "../../redact.js";
import type { Dispatchers } from "./dispatchers.js";
import { PassingError } from "./retry.js";

export interface Exchange {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization?: Authorization | undefined;
  readonly body?: Uint8Array | OwnedBytes | undefined;
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What was asked last. */
  readonly url: URL;
  /** To be read, or left with `discard`. */
  readonly body: Dispatcher.ResponseData["body"];
}

/** Origins whose certificates are not looked at. */
export interface Trusting {
  readonly dispatchers: Dispatchers;
  readonly unverified: ReadonlySet<string>;
}

const NO_TLS = "no TLS";
const MAX_REDIRECTS = 8;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Bytes that are read of what is not wanted, so that the connection can be used again. */
const DISCARDED = 1 << 16;

/**
 * Follows redirects of GET and HEAD; what began with TLS goes on with it.
 * @throws {PassingError} when the line failed in a way that may pass
 * @throws {LaminixError} ERR_REGISTRY_UNREACHABLE, ERR_REGISTRY
 */
export async function exchange(asked: Exchange, { dispatchers, unverified }: Trusting): Promise<Answer> {
  const { method, headers, authorization, body, silence, signal } = asked;
  let { url } = asked;
  // Every request listens, and a hundred layers are asked for at once: that is no leak.
  if (signal) setMaxListeners(0, signal);
  for (let redirects = 0; ; redirects++) {
    signal?.throwIfAborted();
    const response = await request(url, {
      dispatcher: dispatchers.for(url, { tlsVerify: !unverified.has(url.origin) }),
      method,
      headers: {
        ...headers,
        "user-agent": "laminix",
        ...authorization?.headersFor(url),
      },
      body: (body ?? null) as Uint8Array | null, // undici takes async iterables too, and its types do not say so
      headersTimeout: silence,
      bodyTimeout: silence,
      signal: signal ?? null,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw lineError(url, error, silence);
    });
    const answer = { status: response.statusCode, headers: response.headers, url, body: response.body };
    const isRedirect = REDIRECTS.has(answer.status) && (method === "GET" || method === "HEAD");
    if (!isRedirect) return answer;
    await discard(answer);
    if (redirects === MAX_REDIRECTS) throw misled(url, "too many redirects");
    url = leadsTo(answer);
  }
}

/**
 * Where an answer's `Location` leads.
 * @throws {LaminixError} ERR_REGISTRY when it is missing, no URL of HTTP, or leads out of TLS
 */
export function leadsTo({ headers, url }: Pick<Answer, "headers" | "url">): URL {
  const location = headers.location;
  if (typeof location !== "string" || !URL.canParse(location, url.href))
    throw misled(url, "it tells no Location");
  const target = new URL(location, url);
  if (target.protocol !== "https:" && target.protocol !== "http:")
    throw misled(url, `it leads to ${target.protocol}`);
  if (url.protocol === "https:" && target.protocol === "http:") {
    throw misled(
      url,
      "it leads from https to http",
      "a registry behind a TLS proxy has to be told of it (X-Forwarded-Proto)",
    );
  }
  target.username = target.password = target.hash = "";
  return target;
}

/**
 * A short body; `undefined` where it is longer than `limit` bytes.
 * @throws {PassingError} when the line failed in a way that may pass
 * @throws {LaminixError} ERR_REGISTRY_UNREACHABLE
 */
export async function shortBody(answer: Answer, limit: number, silence: number): Promise<Buffer | undefined> {
  try {
    return await collect(ownedBytes(answer.body), limit);
  } catch (error) {
    throw lineError(answer.url, error, silence);
  }
}

/** Leaves a body unread. */
export async function discard({ body }: Pick<Answer, "body">): Promise<void> {
  await body.dump({ limit: DISCARDED }).catch(() => undefined);
}

/** Codes of failures that another attempt may not meet. */
const PASSING = new Set([
  ...["ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"],
  ...["UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"],
  ...["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_ABORTED", "UND_ERR_INFO"],
]);

/** Whether that URL's own server, and not one that it led to, did not speak TLS. */
export function isNoTls(error: unknown, url: URL): boolean {
  return (
    error instanceof LaminixError && error.details.reason === NO_TLS && error.details.url === redactUrl(url)
  );
}

/** The error for a line that failed. */
export function lineError(url: URL, error: unknown, silence: number): Error {
  if (error instanceof LaminixError || error instanceof PassingError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const failure = unreachable(url, error, reasonOf(code, message, silence));
  return PASSING.has(code) ? new PassingError(failure) : failure;
}

interface Reason {
  readonly why: string;
  readonly reason?: string;
  readonly hint?: string;
}

function reasonOf(code: string, message: string, silence: number): Reason {
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT")
    return { why: `it was silent for ${String(silence / 1000)} s` };
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return { why: "there is no such host", hint: "is its name right, and is there a network?" };
  if (code === "ECONNREFUSED") return { why: "nothing listens there" };
  if (code.startsWith("ERR_SSL_") || code === "EPROTO")
    return {
      why: "it does not speak TLS",
      reason: NO_TLS,
      hint: "--plain-http (plainHttp) if it is to be so",
    };
  if (/CERT|SELF_SIGNED|UNABLE_TO_|_ISSUER/.test(code)) {
    return {
      why: `its certificate is not trusted (${code})`,
      hint: "name its authority with NODE_EXTRA_CA_CERTS, or do without: --no-tls-verify (tlsVerify: false)",
    };
  }
  return { why: `the line failed (${code === "" ? message : code})` };
}

function unreachable(url: URL, cause: unknown, { why, reason, hint }: Reason): LaminixError {
  return new LaminixError("ERR_REGISTRY_UNREACHABLE", `${url.host} cannot be reached: ${why}`, {
    cause,
    details: { url: redactUrl(url), ...(reason !== undefined && { reason }) },
    ...(hint !== undefined && { hint }),
  });
}

function misled(url: URL, why: string, hint?: string): LaminixError {
  return new LaminixError("ERR_REGISTRY", `${redactUrl(url)} misleads: ${why}`, {
    details: { url: redactUrl(url) },
    ...(hint !== undefined && { hint }),
  });
}
