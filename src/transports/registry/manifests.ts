/** Manifests of a repository, by tag or digest. */
import { LaminixError } from "../../errors.js";
import { type Digest, digestOf, isDigest, requireDigest } from "../../bytes/digest.js";
import { MAX_MANIFEST } from "../../manifests/manifestDocuments.js";
import { redactUrl } from "../../redact.js";
import type { BlobOptions } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import type { Answer } from "../../http/answer.js";
import { explainedRefusal, hasForeignLayers } from "./manifestRefusal.js";
import { patiently } from "../../http/retry.js";

export interface Manifest {
  readonly mediaType: string;
  readonly digest: Digest;
  /** As they are in the registry. */
  readonly bytes: Buffer;
}

/** What can be made use of here. */
const ACCEPTED = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/**
 * @param reference a tag or a digest
 * @throws {LaminixError} ERR_DIGEST when it is not the one of the digest; ERR_REGISTRY, with `details.status` 404 when
 *   there is none; ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function getManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { signal }: BlobOptions = {},
): Promise<Manifest> {
  const request = { ...manifestRequest(repository, reference, signal), method: "GET" } as const;
  return patiently(
    async () => {
      const answer = await client.attempt({ ...request, expect: [200] });
      const bytes = await answer.short(MAX_MANIFEST);
      if (!bytes) {
        throw new LaminixError("ERR_REGISTRY", `a manifest of ${client.registry} has more than 4 MiB`, {
          details: { registry: client.registry, url: redactUrl(answer.url) },
        });
      }
      const digest = digestOf(bytes);
      const what = `the manifest ${reference} of ${client.registry}/${repository}`;
      const told = isDigest(reference) ? reference : digestHeader(answer);
      if (told !== undefined) requireDigest(what, told, digest);
      return { mediaType: mediaTypeOf(answer), digest, bytes };
    },
    client.patience,
    signal,
  );
}

/**
 * What a tag stands for, without the manifest's bytes.
 * @returns `undefined` when there is none; no digest where the registry does not tell it
 * @throws {LaminixError} ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE
 */
export async function headManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { signal }: BlobOptions = {},
): Promise<{ readonly mediaType: string; readonly digest: Digest | undefined } | undefined> {
  const request = { ...manifestRequest(repository, reference, signal), method: "HEAD" } as const;
  const answer = await client.request({ ...request, expect: [200, 404] });
  await answer.discard();
  return answer.status === 404 ? undefined : { mediaType: mediaTypeOf(answer), digest: digestHeader(answer) };
}

/**
 * Makes the manifest one of the repository's. The blobs that it names have to be there.
 * @param reference a tag, or the manifest's digest
 * @throws {LaminixError} ERR_DIGEST when the registry has taken it for another; ERR_REGISTRY, ERR_REGISTRY_AUTH,
 *   ERR_REGISTRY_UNREACHABLE
 */
export async function putManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { mediaType, bytes }: Pick<Manifest, "mediaType" | "bytes">,
  { signal }: BlobOptions = {},
): Promise<Digest> {
  const request = {
    method: "PUT",
    target: `${repository}/manifests/${reference}`,
    access: { repository, actions: "pull,push" },
    headers: { "content-type": mediaType },
    body: () => bytes,
    expect: [201],
    signal,
  } as const;
  const patience = hasForeignLayers({ bytes }) ? { ...client.patience, attempts: 1 } : client.patience;
  const answer = await patiently(() => client.attempt(request), patience, signal).catch((error: unknown) => {
    throw explainedRefusal(error, { mediaType, bytes });
  });
  await answer.discard();
  const digest = digestOf(bytes);
  const told = digestHeader(answer);
  if (told !== undefined)
    requireDigest(`the manifest ${reference} that ${client.registry} has taken`, digest, told);
  return digest;
}

function manifestRequest(repository: string, reference: string, signal: AbortSignal | undefined) {
  return {
    target: `${repository}/manifests/${reference}`,
    access: { repository, actions: "pull" },
    headers: { accept: ACCEPTED },
    signal,
  } as const;
}

function mediaTypeOf({ headers }: Answer): string {
  const [type = ""] = String(headers["content-type"] ?? "").split(";");
  return type.trim().toLowerCase();
}

function digestHeader(answer: Answer): Digest | undefined {
  const digest = answer.header("docker-content-digest");
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}
