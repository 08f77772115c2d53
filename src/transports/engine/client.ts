/** A client of the API that Docker has and podman speaks too (Docker Engine API 1.41). */
import { Agent, type Dispatcher, request } from "undici";
import { collect, type OwnedBytes, ownedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { type Json, parseJson } from "../../bytes/json.js";
import { saidIn } from "../registry/said.js";
import type { EngineHost } from "./host.js";

export interface EngineRequest {
  readonly method: "GET" | "POST";
  /** Below the API's root. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Pieces may be kept until they are sent. */
  readonly body?: OwnedBytes;
  /** Statuses that the caller understands. */
  readonly expect: readonly number[];
  /** Milliseconds that the engine may say nothing for; a minute unless given, 0 for as long as it likes. */
  readonly silence?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface EngineAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** To be read, or left with `discard`. */
  readonly body: Dispatcher.ResponseData["body"];
}

/** Connections to the engine at once. */
export const PARALLEL = 6;
const SILENCE = 60_000;
/** Bytes; an engine lists some thousand images in one of them. */
const MAX_ANSWER = 64 << 20;

export class EngineClient implements AsyncDisposable {
  readonly host: EngineHost;
  readonly #agent: Agent;

  constructor(host: EngineHost) {
    const { socket, certificates: { ca, cert, key, unverified = false } = {} } = host;
    const connect = {
      ...(socket !== undefined && { socketPath: socket }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      rejectUnauthorized: !unverified,
    };
    this.host = host;
    this.#agent = new Agent({ connections: PARALLEL, connect });
  }

  /**
   * @throws {LaminixError} ERR_ENGINE for a status that is not expected, ERR_ENGINE_UNREACHABLE
   * @throws what the body throws
   */
  async request(asked: EngineRequest): Promise<EngineAnswer> {
    const { method, path, query, contentType, expect, silence = SILENCE, signal } = asked;
    signal?.throwIfAborted();
    let failure: { readonly error: unknown } | undefined;
    const body = asked.body && failing(asked.body, (error) => (failure = { error }));
    const {
      statusCode: status,
      headers,
      ...response
    } = await request(new URL(path, this.host.url), {
      dispatcher: this.#agent,
      method,
      ...(query && { query }),
      headers: { "user-agent": "laminix", ...(contentType !== undefined && { "content-type": contentType }) },
      body: (body ?? null) as Uint8Array | null, // undici takes async iterables too, and its types do not say so
      headersTimeout: silence,
      bodyTimeout: silence,
      signal: signal ?? null,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (failure) throw failure.error;
      throw this.unreachable(error);
    });
    const answer = { status, headers, body: response.body };
    if (expect.includes(status)) return answer;
    const { text } = await saidIn(answer);
    throw this.refusal(text === "" ? `it answers ${String(status)} to ${method} /${path}` : text, { status });
  }

  /** @throws {LaminixError} ERR_ENGINE where the answer is not JSON, ERR_ENGINE_UNREACHABLE */
  async json({ body }: EngineAnswer, signal: AbortSignal | undefined): Promise<Json> {
    const bytes = await collect(this.pieces(body, signal), MAX_ANSWER);
    if (!bytes) throw this.refusal("it answers without end");
    try {
      return parseJson(bytes.toString("utf8"), "its answer");
    } catch (cause) {
      throw this.refusal("its answer is not JSON", {}, cause);
    }
  }

  /**
   * A body as it comes.
   * @throws {LaminixError} ERR_ENGINE_UNREACHABLE
   */
  async *pieces(body: EngineAnswer["body"], signal: AbortSignal | undefined): OwnedBytes {
    try {
      yield* ownedBytes(body);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.unreachable(error);
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

  unreachable(cause: unknown): LaminixError {
    const { engine, name } = this.host;
    const { code = "", message } = cause as NodeJS.ErrnoException;
    const why = UNTRUSTED.test(code)
      ? `its certificate is not trusted (${code})`
      : (reasons[code] ?? `the line failed (${code === "" ? message : code})`);
    return new LaminixError("ERR_ENGINE_UNREACHABLE", `${engine} at ${name} cannot be reached: ${why}`, {
      cause,
      details: { engine, host: name },
      hint: hintFor(engine, code),
    });
  }

  /** Connections are cut. May be called again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Codes of certificates that prove nothing. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_|_ISSUER/;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nothing listens there",
  EACCES: "we may not open it",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "there is no such host",
  UND_ERR_HEADERS_TIMEOUT: "it says nothing",
  UND_ERR_BODY_TIMEOUT: "it says nothing any more",
  UND_ERR_SOCKET: "the line broke",
  ECONNRESET: "the line broke",
  EPIPE: "the line broke",
};

function hintFor(engine: EngineHost["engine"], code: string): string {
  if (code === "EACCES")
    return engine === "docker" ? "be in the group docker, or root" : "is it another user's engine?";
  if (UNTRUSTED.test(code)) return "put its authority's certificate into DOCKER_CERT_PATH, as ca.pem";
  if (["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(code)) return "the engine's log may tell why";
  const start =
    engine === "docker"
      ? "start it, or name its place: DOCKER_HOST"
      : "start it, as with systemctl --user start podman.socket, or name its place: CONTAINER_HOST";
  return `${start}, or --host`;
}

/** The same pieces; who reads them may not tell why they ended. */
async function* failing(pieces: OwnedBytes, onError: (error: unknown) => void): OwnedBytes {
  try {
    yield* pieces;
  } catch (error) {
    onError(error);
    throw error;
  }
}
