/**
 * Who asks, in the way a registry wants to hear it: Basic (RFC 7617), or a token of its authorization server
 * (distribution's "Token Authentication Specification", and its variant by OAuth 2 for identity tokens).
 */
import { abortable } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import { textIn } from "../../image/fields.js";
import { isObject, type Json, JsonNumber, parseJson } from "../../image/json.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import type { Credentials } from "./credentials.js";
import { type Answer, type Exchange, shortBody, shown } from "./exchange.js";
import { passes, PassingError, pauseOf } from "./retry.js";
import { saidIn } from "./said.js";

/** What is to be done, and where. */
export interface Access {
  readonly repository: string;
  readonly actions: "pull" | "pull,push";
  /** Another repository of the same registry, to be pulled from in the same request. */
  readonly from?: string | undefined;
}

export interface AuthenticatorOptions {
  /** As in references. */
  readonly registry: string;
  readonly credentials: (repository: string) => Promise<Credentials | undefined>;
  /** Asks the authorization server. */
  readonly ask: (
    exchange: Pick<Exchange, "method" | "url" | "headers" | "authorization" | "body">,
  ) => Promise<Answer>;
  /** Milliseconds that the authorization server may say nothing for. */
  readonly silence: number;
  /** Where the registry is, once that is known. */
  readonly base: () => URL;
}

interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Seconds that a token is good for where the server does not say (the specification's default). */
const LIFETIME = 60;
/** Milliseconds before its end at which a token is not used any more, at the most. */
const MARGIN = 10_000;
const CLIENT = "laminix";
/** Bytes; tokens have a few thousand. */
const MAX_TOKEN = 1 << 20;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();
  readonly #secrets = new Set<string>();
  #challenges: readonly Challenge[] = [];

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Takes in what a 401 says.
   * @throws {LaminixError} ERR_REGISTRY_AUTH when it is malformed
   */
  challenged({ headers, url }: Pick<Answer, "headers" | "url">): void {
    const header = headers["www-authenticate"];
    const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
    const challenges = parseChallenges(text);
    if (!challenges || challenges.length === 0)
      throw this.#refused(`${shown(url)} answers 401 and does not say how it wants to be asked`);
    this.#challenges = challenges;
  }

  /**
   * The header's value; `undefined` where nothing is asked for.
   * @throws {LaminixError} ERR_REGISTRY_AUTH, and what finding the credentials throws
   */
  async authorization(access: Access, signal: AbortSignal | undefined): Promise<string | undefined> {
    if (this.#challenges.length === 0) return undefined;
    const credentials = await abortable(this.#credentialsFor(access.repository), signal);
    if (credentials?.kind === "registryToken") return `Bearer ${credentials.token}`;
    const bearer = this.#challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return `Bearer ${await abortable(this.#token(bearer, access, credentials), signal)}`;
    if (!this.#challenges.some(({ scheme }) => scheme === "basic")) {
      const schemes = this.#challenges.map(({ scheme }) => scheme).join(", ");
      throw this.#refused(
        `${this.#options.registry} wants to be asked by ${schemes}, which is not known here`,
      );
    }
    if (credentials?.kind === "password") return basic(credentials);
    throw this.#refused(`${this.#options.registry} wants a name and a password`, this.#loginHint);
  }

  /**
   * What was refused is not used again.
   * @param refused the header's value; by now another request may have got a newer one
   */
  async forget(access: Access, refused: string | undefined): Promise<void> {
    const key = scopesOf(access).join(" ");
    const known = this.#tokens.get(key);
    const token = await known?.catch(() => undefined);
    if (token && `Bearer ${token.value}` === refused && this.#tokens.get(key) === known)
      this.#tokens.delete(key);
  }

  /** Whether anybody in particular asks. */
  async isKnown(repository: string): Promise<boolean> {
    return (await this.#credentialsFor(repository)) !== undefined;
  }

  get #loginHint(): string {
    return `log in: docker login ${this.#options.registry}`;
  }

  /** A text of somebody else's, without what must not be seen. */
  redacted(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "…");
    return clean;
  }

  #credentialsFor(repository: string): Promise<Credentials | undefined> {
    const known = this.#credentials.get(repository);
    if (known) return known;
    const found = this.#options.credentials(repository).then((credentials) => {
      if (credentials?.kind === "password") {
        this.#keepSecret(credentials.password);
        this.#keepSecret(basic(credentials).slice("Basic ".length));
      } else if (credentials) this.#keepSecret(credentials.token);
      return credentials;
    });
    this.#credentials.set(repository, found);
    return found;
  }

  #keepSecret(secret: string): void {
    if (secret.length > 3) this.#secrets.add(secret);
  }

  async #token(challenge: Challenge, access: Access, credentials: Credentials | undefined): Promise<string> {
    const key = scopesOf(access).join(" ");
    const known = this.#tokens.get(key);
    if (known) {
      const { value, until } = await known;
      if (Date.now() < until) return value;
      if (this.#tokens.get(key) === known) this.#tokens.delete(key);
      return this.#token(challenge, access, credentials);
    }
    const asked = this.#askForToken(challenge, access, credentials);
    this.#tokens.set(key, asked);
    asked.catch(() => {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
    });
    return (await asked).value;
  }

  async #askForToken(
    { parameters }: Challenge,
    access: Access,
    credentials: Credentials | undefined,
  ): Promise<Token> {
    const url = this.#realm(parameters.get("realm") ?? "");
    const service = parameters.get("service");
    const scopes = scopesOf(access);
    const received = Date.now();
    let answer: Answer;
    if (credentials?.kind === "identityToken") {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: credentials.token,
        client_id: CLIENT,
        scope: scopes.join(" "),
        ...(service !== undefined && { service }),
      });
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      answer = await this.#options.ask({ method: "POST", url, headers, body: Buffer.from(form.toString()) });
    } else {
      if (service !== undefined) url.searchParams.set("service", service);
      for (const scope of scopes) url.searchParams.append("scope", scope);
      const authorization = credentials?.kind === "password" ? basic(credentials) : undefined;
      answer = await this.#options.ask({ method: "GET", url, headers: {}, authorization });
    }
    return this.#readToken(answer, received);
  }

  /** A password that goes to the registry under TLS does not leave it without. */
  #realm(realm: string): URL {
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    if (url?.protocol === "https:") return url;
    if (url?.protocol === "http:" && this.#options.base().protocol === "http:") return url;
    throw this.#refused(`${this.#options.registry} wants tokens from a place that is no https URL`);
  }

  async #readToken(answer: Answer, received: number): Promise<Token> {
    const { status, headers, url } = answer;
    if (status !== 200) {
      const said = this.redacted(await saidIn(answer).then(({ text }) => text));
      const failure = this.#refused(
        `the authorization server ${url.host} answers ${String(status)}${said === "" ? "" : `: ${said}`}`,
        status === 401 || status === 403 ? this.#loginHint : undefined,
        { status, url: shown(url) },
      );
      throw passes(status) ? new PassingError(failure, { pause: pauseOf(headers, received) }) : failure;
    }
    const body = await shortBody(answer, MAX_TOKEN, this.#options.silence);
    let json: Json | undefined;
    try {
      json = parseJson(body?.toString("utf8") ?? "", "the token");
    } catch {
      // Told below, without a word of the text.
    }
    const value = textIn(json, "token") ?? textIn(json, "access_token");
    if (value === undefined || !/^[\x21-\x7e]+$/.test(value))
      throw this.#refused(`the authorization server ${url.host} answers with no token`, undefined, {
        url: shown(url),
      });
    this.#keepSecret(value);
    const expires = isObject(json) ? json.get("expires_in") : undefined;
    const seconds = expires instanceof JsonNumber && expires.value > 0 ? expires.value : LIFETIME;
    return { value, until: received + seconds * 1000 - Math.min(MARGIN, seconds * 200) };
  }

  #refused(message: string, hint?: string, details: Readonly<Record<string, unknown>> = {}): LaminixError {
    return new LaminixError("ERR_REGISTRY_AUTH", message, {
      details: { registry: this.#options.registry, ...details },
      ...(hint !== undefined && { hint }),
    });
  }
}

function scopesOf({ repository, actions, from }: Access): string[] {
  const scope = `repository:${repository}:${actions}`;
  return from === undefined ? [scope] : [scope, `repository:${from}:pull`];
}

function basic({ username, password }: Extract<Credentials, { readonly kind: "password" }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
