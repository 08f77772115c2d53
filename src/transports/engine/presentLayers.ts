/** Which layers of an image an engine has already, as far as its images tell. */
import type { Digest } from "../../bytes/digest.js";
import { Turns } from "../../threads/turns.js";
import { type EngineClient, PARALLEL } from "./client.js";
import { inspectImage, type ListedImage, listImages, repositoryOf } from "./images.js";
import type { LoadStrategy } from "./loadStrategy.js";

/** Images that are looked at. */
const MAX_LOOKS = 100;

export interface PresentLayersOptions {
  /** `name:tag` as the engine lists it: images of the same repository are looked at first, then the newest. */
  readonly near: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param diffIds of the image, bottom first
 * @returns those that may be left out of what is sent
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function presentLayers(
  client: EngineClient,
  reuses: LoadStrategy["reuses"],
  diffIds: readonly Digest[],
  { near, signal }: PresentLayersOptions,
): Promise<ReadonlySet<Digest>> {
  const present = new Set<Digest>();
  const { size: all } = new Set(diffIds);
  const turns = new Turns(PARALLEL);
  const images = reuses === "none" ? [] : await listImages(client, { signal });
  await Promise.all(
    inOrder(images, near && repositoryOf(near)).map(({ id }) =>
      turns.take(async () => {
        if (present.size === all) return;
        // It may have been removed since it was listed.
        const { layers = [] } = (await inspectImage(client, id, { signal })) ?? {};
        const reused = reuses === "chain" ? chainIn(diffIds, layers) : commonTo(diffIds, layers);
        for (const diffId of reused) present.add(diffId);
      }),
    ),
  );
  return present;
}

function inOrder(images: readonly ListedImage[], repository: string | undefined): ListedImage[] {
  const isNear = ({ references }: ListedImage): boolean =>
    references.some((each) => repositoryOf(each) === repository);
  return [...images]
    .sort((one, other) => Number(isNear(other)) - Number(isNear(one)) || other.created - one.created)
    .slice(0, MAX_LOOKS);
}

function commonTo(diffIds: readonly Digest[], theirs: readonly Digest[]): Digest[] {
  const has = new Set(theirs);
  return diffIds.filter((digest) => has.has(digest));
}

/** The layers that both have at the bottom. One that is needed again further up has to be there for that. */
function chainIn(diffIds: readonly Digest[], theirs: readonly Digest[]): Digest[] {
  const differ = diffIds.findIndex((digest, i) => digest !== theirs[i]);
  const length = differ < 0 ? diffIds.length : differ;
  const above = new Set(diffIds.slice(length));
  return diffIds.slice(0, length).filter((digest) => !above.has(digest));
}
