/** Blobs of a repository: looked for, fetched, mounted. Sending them is in `upload.ts`. */
import type { OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { type Digest, Digester, requireDigest } from "../../bytes/digest.js";
import { redactUrl } from "../../redact.js";
import type { RegistryClient } from "./client.js";
import type { RequestHeaders } from "../../http/client.js";
import { resuming } from "../../http/range.js";

export interface BlobOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface BlobIdentity {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

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
  await answer.discard();
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
  const request = {
    method: "GET",
    target: `${repository}/blobs/${digest}`,
    access: { repository, actions: "pull" },
    signal,
  } as const;
  const pieces = resuming({
    ask: async (headers: RequestHeaders, offset) => {
      const expect = offset > 0 ? [200, 206, 416] : [200];
      const answer = await client.attempt({ ...request, headers, expect });
      if (answer.status !== 416) return answer;
      await answer.discard();
      throw otherSize(what, blob, String(offset));
    },
    ...{ size, signal, patience: client.patience },
    failure: ({ url, status }, why) =>
      new LaminixError("ERR_REGISTRY", `${what} cannot be fetched: ${why}`, {
        details: { registry: client.registry, url: redactUrl(url), status },
      }),
  });
  let taken = 0;
  for await (const piece of pieces) {
    taken += piece.length;
    if (taken > size) throw otherSize(what, blob, `more than ${String(size)}`);
    digester.update(piece);
    yield piece;
  }
  requireDigest(what, digest, digester.digest());
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
    await answer.discard();
    if (answer.status === 201) return true;
    await cancelUpload(client, repository, answer.leadsTo(), signal);
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
    const request = { method: "DELETE", target: location, access, expect, signal } as const;
    await (await client.attempt(request)).discard();
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
