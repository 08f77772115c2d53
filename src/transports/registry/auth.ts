/**
 * Credentials for a registry: Basic (RFC 7617), or a token of its authorization server
 * (distribution's "Token Authentication Specification", and its variant by OAuth 2 for identity tokens).
 */
import { abortable } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import { Authorization } from "../../http/authorization.js";
import { errorTextIn } from "../../http/errorText.js";
import type { Answer } from "../../http/answer.js";
import type { Exchange } from "../../http/client.js";
import { isLoopback } from "../../http/proxy.js";
import { isPassingStatus, mayPass, pauseOf } from "../../http/retry.js";
import { textIn } from "../../image/fields.js";
import { isObject, type Json, JsonNumber, parseJson } from "../../bytes/json.js";
import { redactUrl } from "../../redact.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import type { Credentials } from "./credentials.js";

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
  readonly ask: (exchange: Exchange) => Promise<Answer>;
  /** Where the registry is, once that is known. */
  readonly base: () => URL;
  /** Whether the user has asked for plain HTTP. */
  readonly plainHttp: boolean;
}

interface Token {
  readonly authorization: Authorization;
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
   * Takes in what a 401 says. Only the registry itself may say who gets its credentials: a 401 of a server that it
   * leads to counts for nothing.
   * @throws {LaminixError} ERR_REGISTRY_AUTH when it is malformed
   */
  challenged({ headers, url }: Pick<Answer, "headers" | "url">): void {
    if (url.origin !== this.#options.base().origin) return;
    const header = headers["www-authenticate"];
    const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
    const challenges = parseChallenges(text);
    if (!challenges || challenges.length === 0)
      throw this.#refused(`${redactUrl(url)} answers 401 and does not say how it wants to be asked`);
    this.#challenges = challenges;
  }

  /**
   * What the registry lets in, and no other origin gets; `undefined` where nothing is asked for.
   * @throws {LaminixError} ERR_REGISTRY_AUTH, and what finding the credentials throws
   */
  async authorization(access: Access, signal: AbortSignal | undefined): Promise<Authorization | undefined> {
    if (this.#challenges.length === 0) return undefined;
    const base = this.#options.base();
    const credentials = await abortable(this.#credentialsFor(access.repository), signal);
    if (credentials?.kind === "registryToken") return Authorization.bearer(base, credentials.token);
    const bearer = this.#challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return abortable(this.#token(bearer, access, credentials), signal);
    if (!this.#challenges.some(({ scheme }) => scheme === "basic")) {
      const schemes = this.#challenges.map(({ scheme }) => scheme).join(", ");
      throw this.#refused(
        `${this.#options.registry} wants to be asked by ${schemes}, which is not known here`,
      );
    }
    if (credentials?.kind === "password")
      return Authorization.basic(base, credentials.username, credentials.password);
    throw this.#refused(`${this.#options.registry} wants a name and a password`, this.#loginHint);
  }

  /**
   * What was refused is not used again.
   * @param refused by now another request may have got a newer one
   */
  async forget(access: Access, refused: Authorization | undefined): Promise<void> {
    const key = scopesOf(access).join(" ");
    const known = this.#tokens.get(key);
    const token = await known?.catch(() => undefined);
    if (token && token.authorization === refused && this.#tokens.get(key) === known) this.#tokens.delete(key);
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
        this.#keepSecret(Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64"));
      } else if (credentials) this.#keepSecret(credentials.token);
      return credentials;
    });
    this.#credentials.set(repository, found);
    return found;
  }

  #keepSecret(secret: string): void {
    if (secret.length > 3) this.#secrets.add(secret);
  }

  async #token(
    challenge: Challenge,
    access: Access,
    credentials: Credentials | undefined,
  ): Promise<Authorization> {
    const key = scopesOf(access).join(" ");
    const known = this.#tokens.get(key);
    if (known) {
      const { authorization, until } = await known;
      if (Date.now() < until) return authorization;
      if (this.#tokens.get(key) === known) this.#tokens.delete(key);
      return this.#token(challenge, access, credentials);
    }
    const asked = this.#askForToken(challenge, access, credentials);
    this.#tokens.set(key, asked);
    asked.catch(() => {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
    });
    return (await asked).authorization;
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
      const authorization =
        credentials?.kind === "password"
          ? Authorization.basic(url, credentials.username, credentials.password)
          : undefined;
      answer = await this.#options.ask({ method: "GET", url, authorization });
    }
    return this.#readToken(answer, received);
  }

  /**
   * Where tokens are given. It may be on another host, as Docker Hub's is; but a password that goes to the registry by
   * TLS goes nowhere without, and one that was meant for this machine does not leave it without, unless the user wants
   * plain HTTP.
   */
  #realm(realm: string): URL {
    const { registry, base, plainHttp } = this.#options;
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    const mayBePlain =
      url !== undefined && base().protocol === "http:" && (plainHttp || isLoopback(url.hostname));
    if (!url || (url.protocol !== "https:" && !(url.protocol === "http:" && mayBePlain)))
      throw this.#refused(`${registry} wants tokens from a place that is no https URL`);
    url.username = url.password = url.hash = "";
    return url;
  }

  async #readToken(answer: Answer, received: number): Promise<Token> {
    const { status, headers, url } = answer;
    if (status !== 200) {
      const { text } = await errorTextIn(answer.bytes(), (each) => this.redacted(each));
      const failure = this.#refused(
        `the authorization server ${url.host} answers ${String(status)}${text === "" ? "" : `: ${text}`}`,
        status === 401 || status === 403 ? this.#loginHint : undefined,
        { status, url: redactUrl(url) },
      );
      throw isPassingStatus(status) ? mayPass(failure, pauseOf(headers, received)) : failure;
    }
    const body = await answer.short(MAX_TOKEN);
    let json: Json | undefined;
    try {
      json = parseJson(body?.toString("utf8") ?? "", "the token");
    } catch {
      // Told below, without a word of the text.
    }
    const value = textIn(json, "token") ?? textIn(json, "access_token");
    if (value === undefined || !/^[\x21-\x7e]+$/.test(value))
      throw this.#refused(`the authorization server ${url.host} answers with no token`, undefined, {
        url: redactUrl(url),
      });
    this.#keepSecret(value);
    const expires = isObject(json) ? json.get("expires_in") : undefined;
    const seconds = expires instanceof JsonNumber && expires.value > 0 ? expires.value : LIFETIME;
    const authorization = Authorization.bearer(this.#options.base(), value);
    return { authorization, until: received + seconds * 1000 - Math.min(MARGIN, seconds * 200) };
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
