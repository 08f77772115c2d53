/** A binary cache behind HTTP, and files on other servers that it leads to. */
import type { OwnedBytes, OwnedPiece } from "../../bytes/bytes.js";
import type { Compression } from "../../compress/compressions.js";
import { LaminixError } from "../../errors.js";
import type { Authorization } from "../../http/authorization.js";
import type { Answer } from "../../http/answer.js";
import type { HttpClient, RequestHeaders } from "../../http/client.js";
import { redactUrl } from "../../redact.js";
import type { CallOptions } from "../connection.js";
import { absent, type CacheFiles } from "./files.js";

export interface HttpOptions {
  readonly authorization: Authorization | undefined;
  /** How often a file is asked for at most. */
  readonly attempts: number;
  /** Milliseconds that the server may say nothing for. */
  readonly silence: number;
}

/** Milliseconds before the second attempt; twice as long before each further one. */
const FIRST_PAUSE = 250;

export class HttpFiles implements CacheFiles {
  readonly #base: URL;
  readonly #reader: HttpReader;

  /** @param base ends in a slash */
  constructor(base: URL, reader: HttpReader) {
    this.#base = base;
    this.#reader = reader;
  }

  read(name: string, options: CallOptions = {}): OwnedBytes {
    const url = new URL(name, this.#base);
    // Read once more as the server will read it.
    if (url.origin !== this.#base.origin || !url.pathname.startsWith(this.#base.pathname))
      throw failed(url, "it is not in the cache");
    return this.#reader.read(url, options);
  }
}

/** Reads files, with patience. What speaks HTTP is loaded for the first one: most stores are not asked so. */
export class HttpReader {
  readonly #options: HttpOptions;
  #http: Promise<HttpClient> | undefined;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** A body that is cut off is asked for again from where it was cut. */
  async *read(url: URL, { signal }: CallOptions = {}): OwnedBytes {
    const { resuming } = await import("../../http/range.js");
    let coding: string | undefined;
    const bytes = resuming({
      ask: async (headers) => {
        const answer = await this.#ask(url, headers, signal);
        coding = answer.header("content-encoding");
        return answer;
      },
      patience: { attempts: this.#options.attempts, firstPause: FIRST_PAUSE },
      signal,
      failure: (_, why) => failed(url, why),
    });
    const first = await bytes.next();
    if (first.done) return;
    async function* all(piece: OwnedPiece): OwnedBytes {
      yield piece;
      yield* bytes;
    }
    try {
      const { decompress } = await import("../../compress/decompress.js");
      yield* decompress(all(first.value), compressionBy(coding, url), { signal });
    } finally {
      await bytes.return(undefined);
    }
  }

  /** Connections are cut. Idempotent. */
  async close(): Promise<void> {
    await (await this.#http)?.close();
  }

  #client(): Promise<HttpClient> {
    const { silence } = this.#options;
    this.#http ??= import("../../http/client.js").then(
      ({ HttpClient }) =>
        new HttpClient({
          ...{ environment: process.env, silence },
          failure: (url, { why, cause, hint }) => failed(url, why, { cause, hint }),
        }),
    );
    return this.#http;
  }

  async #ask(url: URL, headers: RequestHeaders, signal: AbortSignal | undefined): Promise<Answer> {
    const { authorization } = this.#options;
    const answer = await (
      await this.#client()
    ).exchange({ method: "GET", url, headers, authorization, signal });
    const { status } = answer;
    if (status === 200 || (status === 206 && headers.range !== undefined)) return answer;
    await answer.discard();
    if (status === 404 || status === 403 || status === 410)
      throw absent(redactUrl(url), undefined, { status });
    if (status === 401) {
      throw failed(url, "the server wants to know who asks (401)", {
        hint: "put name and password into the URL, or into the netrc file",
      });
    }
    const { isPassingStatus, mayPass, pauseOf } = await import("../../http/retry.js");
    const failure = failed(url, `the server answers ${String(status)}`);
    throw isPassingStatus(status) ? mayPass(failure, pauseOf(answer.headers, Date.now())) : failure;
  }
}

/** A bucket has some files in one form only, whatever is asked for: Nix puts narinfos there so (`narinfo-compression`). */
const CODINGS = new Map<string, Compression>([
  ...(["gzip", "br", "zstd"] as const).map((coding) => [coding, coding] as const),
  ["x-gzip", "gzip"],
  ["identity", "none"],
]);

function compressionBy(coding: string | undefined, url: URL): Compression {
  const known = CODINGS.get((coding ?? "identity").trim().toLowerCase());
  if (known === undefined) throw failed(url, `its Content-Encoding is ${JSON.stringify(coding)}`);
  return known;
}

function failed(
  url: URL,
  why: string,
  { cause, hint }: { readonly cause?: unknown; readonly hint?: string | undefined } = {},
): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `${redactUrl(url)} cannot be read: ${why}`, {
    cause,
    details: { url: redactUrl(url) },
    ...(hint !== undefined && { hint }),
  });
}
