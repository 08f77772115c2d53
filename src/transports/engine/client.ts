/** A client of the API that Docker has and podman speaks too (Docker Engine API 1.41). */
import type { BorrowedBytes } from "../../bytes/bytes.js";
import { type Json, parseJson } from "../../bytes/json.js";
import { LaminixError } from "../../errors.js";
import type { Environment } from "../../files/home.js";
import { errorTextIn } from "../../http/errorText.js";
import type { Answer } from "../../http/answer.js";
import { HttpClient } from "../../http/client.js";
import type { Reason } from "../../http/reason.js";
import type { EngineHost } from "./host.js";

export interface EngineRequest {
  readonly method: "GET" | "POST";
  /** Below the API's root. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Pieces may be kept until they are sent. */
  readonly body?: BorrowedBytes;
  /** Statuses that the caller understands. */
  readonly expect: readonly number[];
  /** Milliseconds that the engine may say nothing for; a minute unless given, 0 for as long as it likes. */
  readonly silence?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connections to the engine at once. */
export const PARALLEL = 6;
const SILENCE = 60_000;
/** Bytes; an engine lists some thousand images in one of them. */
const MAX_ANSWER = 64 << 20;

export interface EngineClientOptions {
  /** Where proxies are named; this process's environment unless given. */
  readonly environment?: Environment | undefined;
}

export class EngineClient implements AsyncDisposable {
  readonly host: EngineHost;
  readonly #http: HttpClient;

  constructor(host: EngineHost, { environment = process.env }: EngineClientOptions = {}) {
    const { socket: socketPath, certificates: { ca, cert, key, unverified = false } = {} } = host;
    this.host = host;
    this.#http = new HttpClient({
      ...{ environment, parallel: PARALLEL, socketPath, silence: SILENCE, redirects: "leave" },
      tls: () => ({ ca, cert, key, rejectUnauthorized: !unverified }),
      failure: (_, reason) => this.#unreachable(reason),
    });
  }

  /**
   * @throws {LaminixError} ERR_ENGINE for a status that is not expected, ERR_ENGINE_UNREACHABLE
   * @throws what the body throws
   */
  async request({ path, query = {}, contentType, expect, ...rest }: EngineRequest): Promise<Answer> {
    const url = new URL(path, this.host.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = contentType === undefined ? {} : { "content-type": contentType };
    const answer = await this.#http.exchange({ ...rest, url, headers });
    const { status } = answer;
    if (expect.includes(status)) return answer;
    const { text } = await errorTextIn(answer.bytes());
    const why = text === "" ? `it answers ${String(status)} to ${rest.method} /${path}` : text;
    throw this.refusal(why, { status });
  }

  /** @throws {LaminixError} ERR_ENGINE where the answer is not JSON, ERR_ENGINE_UNREACHABLE */
  async json(answer: Answer): Promise<Json> {
    const bytes = await answer.short(MAX_ANSWER);
    if (!bytes) throw this.refusal("it answers without end");
    try {
      return parseJson(bytes.toString("utf8"), "its answer");
    } catch (cause) {
      throw this.refusal("its answer is not JSON", {}, cause);
    }
  }

  /** The engine does not want to, or cannot. */
  refusal(why: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): LaminixError {
    const { engine, name } = this.host;
    return new LaminixError("ERR_ENGINE", `${engine} at ${name} refuses: ${why}`, {
      cause,
      details: { engine, host: name, ...details },
    });
  }

  /** Connections are cut. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.close();
  }

  #unreachable({ kind, why, cause, hint }: Reason): LaminixError {
    const { engine, name } = this.host;
    return new LaminixError("ERR_ENGINE_UNREACHABLE", `${engine} at ${name} cannot be reached: ${why}`, {
      cause,
      details: { engine, host: name },
      hint: hint ?? hintFor(engine, kind),
    });
  }
}

function hintFor(engine: EngineHost["engine"], kind: Reason["kind"]): string {
  if (kind === "not allowed")
    return engine === "docker" ? "be in the group docker, or root" : "is it another user's engine?";
  if (kind === "untrusted") return "put its authority's certificate into DOCKER_CERT_PATH, as ca.pem";
  if (kind === "broken") return "the engine's log may tell why";
  const start =
    engine === "docker"
      ? "start it, or name its place: DOCKER_HOST"
      : "start it, as with systemctl --user start podman.socket, or name its place: CONTAINER_HOST";
  return `${start}, or --host`;
}
