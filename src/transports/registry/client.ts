/**
 * One registry. Protocol: OCI distribution-spec 1.1.
 *
 * It is asked over https, and without a proof of who it is, or over http, only where the options say so, and then it
 * alone: neither a server that it redirects to nor its authorization server. A registry on this machine's loopback
 * interface that turns out not to speak TLS is asked over http without having been told so, as Docker does.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { abortable } from "../../abort.js";
import type { BorrowedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { Environment } from "../../files/home.js";
import type { Authorization } from "../../http/authorization.js";
import { errorTextIn } from "../../http/errorText.js";
import type { Answer } from "../../http/answer.js";
import { type Exchange, HttpClient, type RequestHeaders } from "../../http/client.js";
import { isLoopback } from "../../http/proxy.js";
import type { Reason } from "../../http/reason.js";
import {
  isPassingStatus,
  LONGEST_PAUSE,
  mayPass,
  type PatienceOptions,
  patiently,
  pauseOf,
  rateLimitOf,
} from "../../http/retry.js";
import { redactUrl } from "../../redact.js";
import { type Access, Authenticator } from "./auth.js";
import { findCredentials } from "./credentials.js";

export interface RegistryOptions {
  /** Whether the registry has to prove who it is; `true` unless given. */
  readonly tlsVerify?: boolean | undefined;
  /** Whether it is asked over http; `false` unless given. */
  readonly plainHttp?: boolean | undefined;
  /** Proxies and the places of credentials; this process's unless given. */
  readonly environment?: Environment | undefined;
  /** How often something is tried at most; 6 unless given. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second attempt, twice as long before each further one; 500 unless given. */
  readonly firstPause?: number | undefined;
  /** Milliseconds of silence before a connection counts as lost; default: 60,000. */
  readonly silence?: number | undefined;
  /** Connections to one server at once; 6 unless given. */
  readonly parallel?: number | undefined;
}

export interface RegistryRequest {
  readonly method: Exchange["method"];
  /** Below `/v2/`; or where an answer led to. */
  readonly target: string | URL;
  readonly access: Access;
  readonly headers?: RequestHeaders;
  /** Made anew for each time it is sent. */
  readonly body?: () => Uint8Array | BorrowedBytes;
  /** Statuses that the caller understands. */
  readonly expect: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** Docker Hub's name is not that of its server. */
const SERVERS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

export class RegistryClient implements AsyncDisposable {
  /** As in references. */
  readonly registry: string;
  readonly patience: PatienceOptions;
  readonly #http: HttpClient;
  readonly #authenticator: Authenticator;
  #base: URL;
  #ping: Promise<void> | undefined;
  /** Milliseconds since 1970 until which the registry wants to be left alone. */
  #quietUntil = 0;
  #closed = false;

  constructor(registry: string, options: RegistryOptions = {}) {
    const { attempts = 6, firstPause = 500, silence = 60_000, parallel = 6 } = options;
    const { environment = process.env, tlsVerify = true, plainHttp = false } = options;
    this.registry = registry;
    this.patience = { attempts, firstPause };
    this.#base = new URL(`${plainHttp ? "http" : "https"}://${SERVERS[registry] ?? registry}/v2/`);
    this.#http = new HttpClient({
      ...{ environment, parallel, silence, failure },
      tls: (url) => ({ rejectUnauthorized: tlsVerify || !this.#isOwn(url) }),
    });
    this.#authenticator = new Authenticator({
      registry,
      credentials: (repository) => findCredentials({ registry, repository }, { environment }),
      ask: (asked) => this.#http.exchange(asked),
      base: () => this.#base,
      plainHttp,
    });
  }

  /**
   * Asks until there is an answer that is expected.
   * @throws {LaminixError} ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE, ERR_CLOSED
   */
  request(request: RegistryRequest): Promise<Answer> {
    return patiently(() => this.attempt(request), this.patience, request.signal);
  }

  /**
   * Asks once.
   * @throws {LaminixError} as `request`
   */
  async attempt(request: RegistryRequest): Promise<Answer> {
    const { access, expect, signal } = request;
    signal?.throwIfAborted();
    if (this.#closed)
      throw new LaminixError("ERR_CLOSED", `the connection to ${this.registry} has been closed`);
    await this.#leaveAlone(signal);
    await abortable(this.#ready(), signal);
    const authorization = await this.#authorizationFor(request);
    let answer = await this.#send(request, authorization);
    if (answer.status === 401 && this.#isOwn(answer.url)) {
      // A token may have run out, or be for less than is asked now.
      await answer.discard();
      this.#authenticator.challenged(answer);
      await this.#authenticator.forget(access, authorization);
      answer = await this.#send(request, await this.#authorizationFor(request));
    }
    if (expect.includes(answer.status)) return answer;
    throw await this.#refusal(request, answer);
  }

  /** Connections are cut; requests that still run reject. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#http.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #authorizationFor({ target, access, signal }: RegistryRequest): Promise<Authorization | undefined> {
    // Nothing is asked of the authorization server for what another host gets.
    return this.#isOwn(this.#urlOf(target)) ? this.#authenticator.authorization(access, signal) : undefined;
  }

  #send(request: RegistryRequest, authorization: Authorization | undefined): Promise<Answer> {
    const { target, body, ...rest } = request;
    return this.#http.exchange({ ...rest, authorization, url: this.#urlOf(target), body: body?.() });
  }

  #isOwn(url: URL): boolean {
    return url.origin === this.#base.origin;
  }

  #urlOf(target: string | URL): URL {
    return typeof target === "string" ? new URL(target, this.#base) : target;
  }

  /** Finds out, once, how the registry wants to be spoken to. */
  #ready(): Promise<void> {
    if (this.#ping) return this.#ping;
    const ping = this.#askVersion();
    this.#ping = ping;
    ping.catch(() => {
      this.#ping = undefined;
    });
    return ping;
  }

  async #askVersion(): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#http.exchange({ method: "GET", url: this.#base });
    } catch (error) {
      const mayBePlain = this.#base.protocol === "https:" && isLoopback(this.#base.hostname);
      if (!mayBePlain || !isNoTls(error, this.#base)) throw error;
      const base = new URL(this.#base);
      base.protocol = "http:";
      answer = await this.#http.exchange({ method: "GET", url: base });
      this.#base = base;
    }
    if (answer.status === 401) this.#authenticator.challenged(answer);
    else if (answer.status !== 200) throw await this.#refusal({ method: "GET", access: undefined }, answer);
    await answer.discard();
  }

  async #leaveAlone(signal: AbortSignal | undefined): Promise<void> {
    const pause = this.#quietUntil - Date.now();
    if (pause > 0) await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }

  async #refusal(
    { method, access }: { readonly method: string; readonly access: Access | undefined },
    answer: Answer,
  ): Promise<Error> {
    const { status, headers, url } = answer;
    const { code, text } = await errorTextIn(answer.bytes(), (each) => this.#authenticator.redacted(each));
    const isOwn = this.#isOwn(url);
    const denied = isOwn && (status === 401 || status === 403);
    const what = access === undefined ? "what it speaks" : access.repository;
    const message = denied
      ? `${this.registry} does not let ${access?.actions === "pull,push" ? "push to" : "pull from"} ${what}`
      : `${url.host} answers ${String(status)} to ${method} ${url.pathname}`;
    const hint =
      isOwn || status !== 401 ? await this.#hintFor(status, access) : strangerHint(this.registry, url);
    const refusal = new LaminixError(
      denied ? "ERR_REGISTRY_AUTH" : "ERR_REGISTRY",
      text === "" ? message : `${message}: ${text}`,
      {
        details: {
          registry: this.registry,
          url: redactUrl(url),
          status,
          ...(code !== undefined && { registryCode: code }),
          ...(text !== "" && { registryMessage: text }),
          ...(rateLimitOf(headers) && { rateLimit: rateLimitOf(headers) }),
        },
        ...(hint !== undefined && { hint }),
      },
    );
    if (!isPassingStatus(status)) return refusal;
    const pause = pauseOf(headers, Date.now());
    // One that is longer than anybody waits for ends this request; others are to find out by themselves.
    if (pause !== undefined && pause <= LONGEST_PAUSE && isOwn)
      this.#quietUntil = Math.max(this.#quietUntil, Date.now() + pause);
    return mayPass(refusal, pause);
  }

  async #hintFor(status: number, access: Access | undefined): Promise<string | undefined> {
    if (access === undefined) return `is ${this.registry} a registry?`;
    if (status === 404) return "check the names of the repository and the tag";
    if (status !== 401 && status !== 403 && status !== 429) return undefined;
    const isKnown = await this.#authenticator.isKnown(access.repository).catch(() => false);
    if (!isKnown) return `log in: docker login ${this.registry}`;
    return status === 429 ? undefined : "is it the right account, and is the repository's name right?";
  }
}

/** A server that the registry leads to asks for credentials. */
function strangerHint(registry: string, { host }: URL): string {
  return `the credentials for ${registry} are sent to no other host; if ${host} is the registry itself, put its name into the reference`;
}

const NO_TLS = "no TLS";

/** Whether that URL's own server, and not one that it led to, did not speak TLS. */
function isNoTls(error: unknown, url: URL): boolean {
  const { reason, url: where } = error instanceof LaminixError ? error.details : {};
  return reason === NO_TLS && where === redactUrl(url);
}

const HINTS: Readonly<Partial<Record<Reason["kind"], string>>> = {
  "unknown host": "is its name right, and is there a network?",
  [NO_TLS]: "--plain-http (plainHttp) if it is to be so",
  untrusted: "name its authority with NODE_EXTRA_CA_CERTS, or do without: --no-tls-verify (tlsVerify: false)",
  downgraded: "a registry behind a TLS proxy has to be told of it (X-Forwarded-Proto)",
};

/** A request that came to nothing. */
function failure(url: URL, { kind, why, cause, hint = HINTS[kind] }: Reason): LaminixError {
  const isLed = kind === "misled" || kind === "downgraded";
  return new LaminixError(
    isLed ? "ERR_REGISTRY" : "ERR_REGISTRY_UNREACHABLE",
    isLed ? `${redactUrl(url)} misleads: ${why}` : `${url.host} cannot be reached: ${why}`,
    {
      cause,
      details: { url: redactUrl(url), ...(kind === NO_TLS && { reason: NO_TLS }) },
      ...(hint !== undefined && { hint }),
    },
  );
}
