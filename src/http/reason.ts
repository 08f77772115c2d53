/** Why a request came to nothing, in words, of which the caller makes an error with its own code. */
import type { LaminixError } from "../errors.js";
import { ProxyError } from "./proxy.js";
import { isPassingCode, isPassingStatus } from "./retry.js";

export interface Reason {
  /** `misled` and `downgraded` are answers that lead to where nobody follows. The line itself failed in all others. */
  readonly kind:
    | ("unknown host" | "no listener" | "no socket" | "not allowed" | "silent" | "broken" | "other")
    | ("no TLS" | "untrusted" | "proxy" | "misled" | "downgraded");
  /** A clause about the server: "it was silent for 60 s". */
  readonly why: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The caller's error for a request that came to nothing. */
export type Failure = (url: URL, reason: Reason) => LaminixError;

/** @param silence milliseconds that the server might say nothing for */
export function reasonOf(cause: unknown, silence: number): Reason {
  return { ...wordsFor(cause as NodeJS.ErrnoException, silence), cause };
}

/** Whether another attempt may not meet what a request failed with. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ProxyError && error.status !== undefined) return isPassingStatus(error.status);
  const { code = "" } = (error instanceof ProxyError ? (error.cause ?? {}) : error) as NodeJS.ErrnoException;
  return isPassingCode(code);
}

const LINE: Readonly<Record<string, Pick<Reason, "kind" | "why">>> = {
  ENOENT: { kind: "no socket", why: "there is no such socket" },
  EACCES: { kind: "not allowed", why: "we may not open it" },
  ECONNREFUSED: { kind: "no listener", why: "nothing listens there" },
  ENOTFOUND: { kind: "unknown host", why: "there is no such host" },
  EAI_AGAIN: { kind: "unknown host", why: "there is no such host" },
  EPROTO: { kind: "no TLS", why: "it does not speak TLS" },
};

function wordsFor(error: NodeJS.ErrnoException, silence: number): Pick<Reason, "kind" | "why" | "hint"> {
  if (error instanceof ProxyError) return proxyWords(error, silence);
  const { code = "", message } = error;
  const known = LINE[code.startsWith("ERR_SSL_") ? "EPROTO" : code];
  if (known) return known;
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT")
    return { kind: "silent", why: `it was silent for ${String(silence / 1000)} s` };
  if (/CERT|SELF_SIGNED|UNABLE_TO_|_ISSUER/.test(code))
    return { kind: "untrusted", why: `its certificate is not trusted (${code})` };
  if (["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(code))
    return { kind: "broken", why: `the line broke (${code})` };
  return { kind: "other", why: `the line failed (${code === "" ? message : code})` };
}

function proxyWords(error: ProxyError, silence: number): Pick<Reason, "kind" | "why" | "hint"> {
  const { message, status, cause } = error;
  if (status !== undefined) {
    const why = `${message} answers ${String(status)} in place of a connection`;
    return { kind: "proxy", why, hint: status === 407 ? PASSWORD_HINT : PROXY_HINT };
  }
  const why =
    cause === undefined ? message : `${message} cannot be reached: ${wordsFor(cause as Error, silence).why}`;
  return { kind: "proxy", why, hint: cause === undefined ? URL_HINT : PROXY_HINT };
}

const URL_HINT = "HTTPS_PROXY and HTTP_PROXY look like http://proxy.example:3128";
const PASSWORD_HINT = "put its name and password before its host, with an @: HTTPS_PROXY, HTTP_PROXY";
const PROXY_HINT = "HTTPS_PROXY and HTTP_PROXY name it, and NO_PROXY the hosts that are reached without one";
