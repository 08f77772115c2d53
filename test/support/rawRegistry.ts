/** Puts things into a registry as they are, right or wrong. */
import { expect } from "vitest";
import { OCI, sha256 } from "./images.js";

/** @param host of a registry that speaks plain HTTP */
export async function putBlob(host: string, repository: string, bytes: string | Buffer): Promise<void> {
  const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const put = await fetch(`${begun.headers.get("location")!}&digest=sha256:${sha256(bytes)}`, {
    method: "PUT",
    body: bytes,
    headers: { "content-type": "application/octet-stream" },
  });
  expect(put.status).toBe(201);
}

/** @param reference a tag, or the digest */
export async function putManifest(
  host: string,
  repository: string,
  reference: string,
  manifest: object,
): Promise<void> {
  const { mediaType: type = OCI.manifest } = manifest as { readonly mediaType?: string };
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, {
    method: "PUT",
    body: JSON.stringify(manifest),
    headers: { "content-type": type },
  });
  expect([answer.status, answer.ok ? "" : await answer.text()]).toEqual([201, ""]);
}
