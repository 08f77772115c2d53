/** Blobs of a repository: looked for, fetched, mounted. Sending them is in `upload.ts`. */
import { type OwnedBytes, ownedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { type Digest, Digester, requireDigest } from "../../bytes/digest.js";
import { redactUrl } from "../../redact.js";
import type { RegistryClient } from "./client.js";
import { discard, leadsTo, lineError } from "./exchange.js";
import { PassingError, Patience } from "./retry.js";

export interface BlobOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface BlobIdentity {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Bytes by which a line that broke got far enough not to be given up. */
const PROGRESS = 1 << 16;

/**
 * Whether the blob is there.
 * @throws {LaminixError} ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function hasBlob(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  { signal }: BlobOptions = {},
): Promise<boolean> {
  const answer = await client.request({
    method: "HEAD",
    target: `${repository}/blobs/${digest}`,
    access: { repository, actions: "pull" },
    expect: [200, 404],
    signal,
  });
  await discard(answer);
  return answer.status === 200;
}

/**
 * The blob's bytes, checked as they pass; a line that breaks is taken up where it broke.
 * @throws {LaminixError} ERR_DIGEST, at the end or when there are too many; ERR_REGISTRY, ERR_REGISTRY_AUTH,
 *   ERR_REGISTRY_UNREACHABLE
 */
export async function* fetchBlob(
  client: RegistryClient,
  repository: string,
  blob: BlobIdentity,
  { signal }: BlobOptions = {},
): OwnedBytes {
  const { digest, size } = blob;
  const what = `${digest} of ${client.registry}/${repository}`;
  const digester = new Digester();
  const patience = new Patience(client.patience, signal);
  let taken = 0;
  for (let isWhole = false; !isWhole;) {
    const begun = taken;
    try {
      for await (const piece of rest(client, repository, blob, taken, signal)) {
        taken += piece.length;
        if (taken > size) throw otherSize(what, blob, `more than ${String(size)}`);
        digester.update(piece);
        yield piece;
      }
      if (taken < size) throw new PassingError(endsEarly(client, what, taken, size));
      isWhole = true;
    } catch (error) {
      if (taken - begun >= PROGRESS) patience.progressed();
      await patience.afterFailure(error);
    }
  }
  requireDigest(what, digest, digester.digest());
}

/** The bytes from an offset on, in one attempt. */
async function* rest(
  client: RegistryClient,
  repository: string,
  blob: BlobIdentity,
  offset: number,
  signal: AbortSignal | undefined,
): OwnedBytes {
  const answer = await client.attempt({
    method: "GET",
    target: `${repository}/blobs/${blob.digest}`,
    access: { repository, actions: "pull" },
    headers: {
      // What digests are of is the blob as it is.
      "accept-encoding": "identity",
      ...(offset > 0 && { range: `bytes=${String(offset)}-` }),
    },
    expect: offset > 0 ? [200, 206, 416] : [200],
    signal,
  });
  const { status, headers, body, url } = answer;
  const range = headers["content-range"];
  if (status === 416) {
    await discard(answer);
    throw otherSize(`${blob.digest} of ${client.registry}/${repository}`, blob, String(offset));
  }
  if (status === 206 && !String(range).startsWith(`bytes ${String(offset)}-`)) {
    await discard(answer);
    throw new LaminixError(
      "ERR_REGISTRY",
      `${url.host} answers with another part of a blob than was asked for`,
      {
        details: { registry: client.registry, url: redactUrl(url), status },
      },
    );
  }
  let skip = status === 200 ? offset : 0;
  try {
    for await (const piece of ownedBytes(body)) {
      const skipped = Math.min(skip, piece.length);
      skip -= skipped;
      if (skipped < piece.length) yield piece.subarray(skipped);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw lineError(url, error, client.silence);
  }
}

/**
 * Makes a blob of another repository of the same registry one of this repository, without its bytes being sent.
 * @returns whether the registry did
 * @throws {LaminixError} ERR_REGISTRY, ERR_REGISTRY_UNREACHABLE
 */
export async function mountBlob(
  client: RegistryClient,
  repository: string,
  { digest, from }: { readonly digest: Digest; readonly from: string },
  { signal }: BlobOptions = {},
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  try {
    const answer = await client.request({
      method: "POST",
      target: `${repository}/blobs/uploads/?${query.toString()}`,
      access: { repository, actions: "pull,push", from },
      expect: [201, 202],
      signal,
    });
    await discard(answer);
    if (answer.status === 201) return true;
    await cancelUpload(client, repository, leadsTo(answer), signal);
    return false;
  } catch (error) {
    // Who may not pull from there can still send the blob.
    if (error instanceof LaminixError && error.code === "ERR_REGISTRY_AUTH") return false;
    throw error;
  }
}

/** Tells the registry that nothing more will come; a registry that does not listen clears away by itself. */
export async function cancelUpload(
  client: RegistryClient,
  repository: string,
  location: URL,
  signal: AbortSignal | undefined,
): Promise<void> {
  const access = { repository, actions: "pull,push" } as const;
  const expect = [200, 202, 204, 404];
  try {
    await discard(await client.attempt({ method: "DELETE", target: location, access, expect, signal }));
  } catch {
    signal?.throwIfAborted();
  }
}

function otherSize(what: string, { digest, size }: BlobIdentity, actual: string): LaminixError {
  return new LaminixError("ERR_DIGEST", `${what} has ${actual} bytes where it should have ${String(size)}`, {
    details: { digest, expected: size, actual },
    hint: "it was damaged or changed; fetch or write the image again",
  });
}

function endsEarly(client: RegistryClient, what: string, taken: number, size: number): LaminixError {
  return new LaminixError("ERR_REGISTRY", `${what} ends after ${String(taken)} of ${String(size)} bytes`, {
    details: { registry: client.registry, received: taken, expected: size },
  });
}
