/**
 * One registry. Protocol: OCI distribution-spec 1.1.
 *
 * It is asked over https, and without a proof of who it is, or over http, only where the options say so, and then it
 * alone: neither a server that it redirects to nor its authorization server. A registry on this machine's loopback
 * interface that turns out not to speak TLS is asked over http without having been told so, as Docker does.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { abortable } from "../../abort.js";
import type { OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { Authorization } from "../../http/authorization.js";
import { redactUrl } from "../../redact.js";
import { type Access, Authenticator } from "./auth.js";
import { type Environment, findCredentials } from "./credentials.js";
import { Dispatchers, isLoopback } from "./dispatchers.js";
import { type Answer, discard, exchange, type Exchange, isNoTls } from "./exchange.js";
import {
  LONGEST_PAUSE,
  passes,
  PassingError,
  type PatienceOptions,
  patiently,
  pauseOf,
  rateLimitOf,
} from "./retry.js";
import { saidIn } from "./said.js";

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
  /** Milliseconds that a server may say nothing for; 60,000 unless given. */
  readonly silence?: number | undefined;
  /** Connections to one server at once; 6 unless given. */
  readonly parallel?: number | undefined;
}

export interface RegistryRequest {
  readonly method: Exchange["method"];
  /** Below `/v2/`; or where an answer led to. */
  readonly target: string | URL;
  readonly access: Access;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each time it is sent. */
  readonly body?: () => Uint8Array | OwnedBytes;
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
  /** Milliseconds that it may say nothing for. */
  readonly silence: number;
  readonly #dispatchers: Dispatchers;
  readonly #unverified: ReadonlySet<string>;
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
    this.silence = silence;
    this.#dispatchers = new Dispatchers({ environment, parallel });
    this.#base = new URL(`${plainHttp ? "http" : "https"}://${SERVERS[registry] ?? registry}/v2/`);
    this.#unverified = new Set(tlsVerify ? [] : [this.#base.origin]);
    this.#authenticator = new Authenticator({
      registry,
      credentials: (repository) => findCredentials({ registry, repository }, { environment }),
      ask: (asked) => this.#exchange(asked),
      base: () => this.#base,
      plainHttp,
      silence,
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
   * @throws {PassingError} where asking again may help
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
      await discard(answer);
      this.#authenticator.challenged(answer);
      await this.#authenticator.forget(access, authorization);
      answer = await this.#send(request, await this.#authorizationFor(request));
    }
    if (expect.includes(answer.status)) return answer;
    throw await this.#failure(request, answer);
  }

  /** Connections are cut; requests that still run reject. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#dispatchers.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #authorizationFor({ target, access, signal }: RegistryRequest): Promise<Authorization | undefined> {
    // Nothing is asked of the authorization server for what another host gets.
    return this.#isOwn(this.#urlOf(target)) ? this.#authenticator.authorization(access, signal) : undefined;
  }

  #send(request: RegistryRequest, authorization: Authorization | undefined): Promise<Answer> {
    const { method, target, headers = {}, body, signal } = request;
    return this.#exchange({
      ...{ method, headers, authorization, signal },
      url: this.#urlOf(target),
      body: body?.(),
    });
  }

  #isOwn(url: URL): boolean {
    return url.origin === this.#base.origin;
  }

  #urlOf(target: string | URL): URL {
    return typeof target === "string" ? new URL(target, this.#base) : target;
  }

  #exchange(asked: Omit<Exchange, "silence">): Promise<Answer> {
    const trusting = { dispatchers: this.#dispatchers, unverified: this.#unverified };
    return exchange({ ...asked, silence: this.silence }, trusting);
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
      answer = await this.#exchange({ method: "GET", url: this.#base, headers: {} });
    } catch (error) {
      const mayBePlain = this.#base.protocol === "https:" && isLoopback(this.#base.hostname);
      if (!mayBePlain || !isNoTls(error, this.#base)) throw error;
      const base = new URL(this.#base);
      base.protocol = "http:";
      answer = await this.#exchange({ method: "GET", url: base, headers: {} });
      this.#base = base;
    }
    if (answer.status === 401) this.#authenticator.challenged(answer);
    else if (answer.status !== 200) throw await this.#failure({ method: "GET", access: undefined }, answer);
    await discard(answer);
  }

  async #leaveAlone(signal: AbortSignal | undefined): Promise<void> {
    const pause = this.#quietUntil - Date.now();
    if (pause > 0) await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }

  async #failure(
    { method, access }: { readonly method: string; readonly access: Access | undefined },
    answer: Answer,
  ): Promise<Error> {
    const { status, headers, url } = answer;
    const said = await saidIn(answer, (each) => this.#authenticator.redacted(each));
    const { text } = said;
    const isOwn = this.#isOwn(url);
    const denied = isOwn && (status === 401 || status === 403);
    const what = access === undefined ? "what it speaks" : access.repository;
    const message = denied
      ? `${this.registry} does not let ${access?.actions === "pull,push" ? "push to" : "pull from"} ${what}`
      : `${url.host} answers ${String(status)} to ${method} ${url.pathname}`;
    const hint =
      isOwn || status !== 401 ? await this.#hintFor(status, access) : strangerHint(this.registry, url);
    const failure = new LaminixError(
      denied ? "ERR_REGISTRY_AUTH" : "ERR_REGISTRY",
      text === "" ? message : `${message}: ${text}`,
      {
        details: {
          registry: this.registry,
          url: redactUrl(url),
          status,
          ...(said.code !== undefined && { registryCode: said.code }),
          ...(text !== "" && { registryMessage: text }),
          ...(rateLimitOf(headers) && { rateLimit: rateLimitOf(headers) }),
        },
        ...(hint !== undefined && { hint }),
      },
    );
    if (!passes(status)) return failure;
    const pause = pauseOf(headers, Date.now());
    // One that is longer than anybody waits for ends this request; others are to find out by themselves.
    if (pause !== undefined && pause <= LONGEST_PAUSE && isOwn)
      this.#quietUntil = Math.max(this.#quietUntil, Date.now() + pause);
    return new PassingError(failure, { pause });
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
