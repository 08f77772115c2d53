/** The newest image of a repository in an engine. */
import type { EngineClient } from "./client.js";
import { inspectImage, listImages, repositoryOf } from "./images.js";

/**
 * Images may all say that they were created at the same time, so that counts at which the engine got the name, where it
 * tells that; podman does not.
 * @param repository as the engine lists it
 * @returns `name:tag`; `undefined` where there is none
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function newestReference(
  client: EngineClient,
  repository: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const found: { readonly reference: string; readonly created: number; readonly tagged: number }[] = [];
  for (const { id, references, created } of await listImages(client, { signal })) {
    const own = references.filter((each) => repositoryOf(each) === repository);
    if (own.length === 0) continue;
    const { tagged = 0 } = (await inspectImage(client, id, { signal })) ?? {};
    for (const reference of own) found.push({ reference, created, tagged });
  }
  found.sort((one, other) => other.tagged - one.tagged || other.created - one.created);
  return found[0]?.reference;
}
