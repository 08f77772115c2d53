/** One blob of a repository: for derivations whose outputs are blobs, their hashes the digests. */
import { requireCount } from "../../arguments.js";
import { type BorrowedBytes, counted } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { parseReference } from "../../manifests/reference.js";
import { type OnProgress, Progress } from "../../progress.js";
import type { RegistryOptions } from "../../transports/registry/client.js";

export interface BlobOptions extends Pick<RegistryOptions, "tlsVerify" | "plainHttp" | "environment"> {
  /** Bytes, as the manifest says: more are not taken. */
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Its bytes, checked against the digest as they pass.
 * @param reference `[HOST[:PORT]/]REPOSITORY@DIGEST`
 * @throws {LaminixError} ERR_REFERENCE, ERR_DIGEST, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function* blobPieces(
  reference: string,
  { size, signal, onProgress, ...connection }: BlobOptions,
): AsyncGenerator<Uint8Array> {
  requireCount(size, "options.size");
  const { registry, repository, digest } = parseReference(reference);
  if (digest === undefined) {
    throw new LaminixError("ERR_REFERENCE", `${reference} names no blob: it has no digest`, {
      details: { reference },
      hint: "append the blob's digest: @sha256:…",
    });
  }
  const { RegistryClient } = await import("../../transports/registry/client.js");
  const { fetchBlob } = await import("../../transports/registry/blobs.js");
  const progress = new Progress(onProgress);
  const blob = { digest, size };
  await using client = new RegistryClient(registry, connection);
  const pieces: BorrowedBytes = fetchBlob(client, repository, blob, { signal });
  yield* counted(pieces, (received) => {
    progress.fetch({ ...blob, received }, [blob]);
  });
}
