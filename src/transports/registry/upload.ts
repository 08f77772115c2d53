/**
 * Sends a blob (OCI distribution-spec 1.1, "Pushing blobs"): small ones in one request, others as a stream or in chunks.
 * When the line breaks the registry is asked how much it has, and only the rest is sent; a registry that has forgotten
 * the upload gets it from its start. A blob comes into being only by the last request, with a digest that was checked.
 */
import { type BorrowedBytes, copied, type OwnedBytes, type OwnedPiece } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import { type BlobIdentity, type BlobOptions, cancelUpload, hasBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { SourceReader, type UploadSource } from "./uploadSource.js";
import type { Answer } from "../../http/answer.js";
import type { RequestHeaders } from "../../http/client.js";
import { mayPass, Patience } from "../../http/retry.js";

export interface UploadOptions extends BlobOptions {
  /** Bytes of each request; one for all of the blob unless given. The registry may want more. */
  readonly chunkSize?: number | undefined;
}

/** Bytes up to which a blob goes with the request that makes it one. */
const SMALL = 1 << 20;
const OCTETS = { "content-type": "application/octet-stream" } as const;

/**
 * @returns what was sent
 * @throws {LaminixError} ERR_DIGEST when the source's bytes are not those that were announced; ERR_REGISTRY,
 *   ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE; and what the source throws
 */
export function uploadBlob(
  client: RegistryClient,
  repository: string,
  source: UploadSource,
  options: UploadOptions = {},
): Promise<BlobIdentity> {
  return new Upload(client, repository, source, options).run();
}

class Upload {
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #source: UploadSource;
  readonly #options: UploadOptions;
  readonly #what: SourceReader;
  #location: URL | undefined;
  #chunkSize: number | undefined;
  /** Bytes that the registry has, and the most that it has had. */
  #offset = 0;
  #most = 0;

  constructor(client: RegistryClient, repository: string, source: UploadSource, options: UploadOptions) {
    this.#client = client;
    this.#repository = repository;
    this.#source = source;
    this.#options = options;
    this.#what = new SourceReader(source, options);
    this.#chunkSize = options.chunkSize;
  }

  async run(): Promise<BlobIdentity> {
    const { signal } = this.#options;
    const patience = new Patience(this.#client.patience, signal);
    try {
      for (;;) {
        try {
          const done = await this.#attempt();
          this.#location = undefined;
          return done;
        } catch (error) {
          this.#what.rethrow();
          if (this.#offset > this.#most) patience.progressed();
          this.#most = Math.max(this.#most, this.#offset);
          await patience.afterFailure(error);
        }
        const { digest } = this.#source;
        // The answer to the last request may be what was lost.
        if (digest !== undefined && (await hasBlob(this.#client, this.#repository, digest, { signal }))) {
          this.#location = undefined;
          return { digest, size: (await this.#what.identity()).size };
        }
        await this.#askWhereItStands();
      }
    } finally {
      if (this.#location && !signal?.aborted)
        await cancelUpload(this.#client, this.#repository, this.#location, signal);
    }
  }

  async #attempt(): Promise<BlobIdentity> {
    this.#location ??= await this.#start();
    const { size, digest } = this.#source;
    if (size !== undefined && size <= SMALL && digest !== undefined && this.#offset === 0) {
      const bytes = await this.#what.bytes();
      return this.#commit(this.#location, await this.#what.identity(), bytes);
    }
    if (this.#chunkSize === undefined) await this.#sendStream(this.#location);
    else await this.#sendChunks(this.#chunkSize);
    return this.#commit(this.#location, await this.#what.identity());
  }

  async #start(): Promise<URL> {
    this.#offset = 0;
    const answer = await this.#ask("POST", `${this.#repository}/blobs/uploads/`, [202], {
      "content-length": "0",
    });
    const least = Number(answer.headers["oci-chunk-min-length"]);
    if (this.#chunkSize !== undefined && least > this.#chunkSize) this.#chunkSize = least;
    return answer.leadsTo();
  }

  async #sendStream(location: URL): Promise<void> {
    const { size } = this.#source;
    const from = this.#offset;
    if (size !== undefined && from >= size) return;
    const headers = {
      ...OCTETS,
      ...(size !== undefined && { "content-length": String(size - from) }),
      ...(size !== undefined && from > 0 && { "content-range": `${String(from)}-${String(size - 1)}` }),
    };
    const answer = await this.#ask("PATCH", location, [202], headers, () => this.#what.from(from));
    this.#accepted(answer, this.#what.position);
    if (this.#offset < this.#what.position) throw this.#forgot(answer, "it has not kept all that was sent");
  }

  async #sendChunks(chunkSize: number): Promise<void> {
    const chunks = chunksOf(copied(this.#what.from(this.#offset)), chunkSize);
    for await (const chunk of chunks) {
      const end = this.#offset + chunk.length;
      const headers = {
        ...OCTETS,
        "content-length": String(chunk.length),
        "content-range": `${String(this.#offset)}-${String(end - 1)}`,
      };
      const answer = await this.#ask("PATCH", this.#location as URL, [202], headers, () => chunk);
      this.#accepted(answer, end);
      if (this.#offset !== end) throw this.#forgot(answer, "it has not kept all that was sent");
    }
  }

  async #commit(location: URL, identity: BlobIdentity, body?: Buffer): Promise<BlobIdentity> {
    const url = new URL(location);
    // As it is, for the rest of the query may be signed.
    url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(identity.digest)}`;
    const headers = { ...(body && OCTETS), "content-length": String(body?.length ?? 0) };
    await this.#ask("PUT", url, [201, 204], headers, body && (() => body));
    return identity;
  }

  /** The registry's word on how much it has counts; without one, all that was sent has arrived. */
  #accepted(answer: Answer, sent: number): void {
    this.#offset = rangeEnd(answer) ?? sent;
    this.#location = answer.leadsTo();
  }

  /** After a failure: how much has arrived? */
  async #askWhereItStands(): Promise<void> {
    const location = this.#location;
    if (!location) return;
    this.#location = undefined;
    this.#offset = 0;
    const { signal } = this.#options;
    const access = { repository: this.#repository, actions: "pull,push" } as const;
    const request = { method: "GET", target: location, access, expect: [204, 202], signal } as const;
    try {
      const answer = await this.#client.attempt(request);
      await answer.discard();
      const has = rangeEnd(answer);
      if (has === undefined || has > this.#what.position) return;
      this.#offset = has;
      this.#location = answer.headers.location === undefined ? location : answer.leadsTo();
    } catch {
      // Nothing is lost but what has been sent.
      signal?.throwIfAborted();
    }
  }

  /** Once, since what has been sent must not be sent to the same place again; without a body that is kept. */
  async #ask(
    method: "POST" | "PATCH" | "PUT",
    target: string | URL,
    expect: readonly number[],
    headers: RequestHeaders,
    body?: () => Uint8Array | BorrowedBytes,
  ): Promise<Answer> {
    const { signal } = this.#options;
    const access = { repository: this.#repository, actions: "pull,push" } as const;
    const request = { method, target, access, headers, expect, signal, ...(body && { body }) };
    try {
      const answer = await this.#client.attempt(request);
      await answer.discard();
      return answer;
    } catch (error) {
      // The upload is not there any more, or stands elsewhere, or what arrived is not what was sent.
      const begunAnew =
        method !== "POST" &&
        error instanceof LaminixError &&
        [400, 404, 409, 416].includes(Number(error.details.status));
      throw begunAnew ? mayPass(error) : error;
    }
  }

  #forgot({ url, status }: Answer, why: string): LaminixError {
    return mayPass(
      new LaminixError("ERR_REGISTRY", `${url.host} cannot take a blob: ${why}`, {
        details: { registry: this.#client.registry, url: redactUrl(url), status },
      }),
    );
  }
}

/** How many bytes an upload has. `0-0` is what registries answer for none. */
function rangeEnd({ headers }: Pick<Answer, "headers">): number | undefined {
  const [, end] = /^(?:bytes[ =])?0-(\d+)$/.exec(String(headers.range)) ?? [];
  if (end === undefined) return undefined;
  return end === "0" ? 0 : Number(end) + 1;
}

async function* chunksOf(pieces: OwnedBytes, size: number): AsyncGenerator<Buffer> {
  let parts: OwnedPiece[] = [];
  let length = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + size - length);
      parts.push(part);
      length += part.length;
      at += part.length;
      if (length < size) continue;
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(parts);
}
