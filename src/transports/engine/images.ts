/** The images that an engine has. */
import { objectIn, textIn, textsIn } from "../../image/fields.js";
import { isArray, isObject, type Json, JsonNumber } from "../../bytes/json.js";
import { type Digest, isDigest } from "../../bytes/digest.js";
import type { EngineClient } from "./client.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface EngineImage {
  readonly id: string;
  /** `name:tag`s, as the engine has them. */
  readonly references: readonly string[];
  /** DiffIDs, bottom first. */
  readonly layers: readonly Digest[];
  /** When the engine got it by its last name, in milliseconds of Unix; 0 where it does not tell that. */
  readonly tagged: number;
}

export interface ListedImage {
  readonly id: string;
  readonly references: readonly string[];
  /** Unix seconds. */
  readonly created: number;
}

/**
 * @param name an ID, or a reference
 * @returns `undefined` where the engine has none
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function inspectImage(
  client: EngineClient,
  name: string,
  { signal }: Options = {},
): Promise<EngineImage | undefined> {
  const answer = await client.request({
    method: "GET",
    path: `images/${name}/json`,
    expect: [200, 404],
    signal,
  });
  if (answer.status === 404) {
    await answer.discard();
    return undefined;
  }
  const json = await client.json(answer);
  const id = textIn(json, "Id");
  if (id === undefined) throw client.refusal(`it does not say which image ${name} is`);
  return {
    id,
    references: textsIn(json, "RepoTags"),
    layers: textsIn(objectIn(json, "RootFS"), "Layers").filter(isDigest),
    tagged: Math.max(0, Date.parse(textIn(objectIn(json, "Metadata"), "LastTagTime") ?? "") || 0),
  };
}

/**
 * The comments in an image's history, the oldest first; of an entry without one, an empty text.
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function historyComments(
  client: EngineClient,
  id: string,
  { signal }: Options = {},
): Promise<string[]> {
  const answer = await client.request({ method: "GET", path: `images/${id}/history`, expect: [200], signal });
  const json = await client.json(answer);
  if (!isArray(json)) throw client.refusal(`it does not tell the history of ${id}`);
  return json.map((entry) => textIn(entry, "Comment") ?? "").reverse();
}

/** @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE */
export async function listImages(client: EngineClient, { signal }: Options = {}): Promise<ListedImage[]> {
  const answer = await client.request({ method: "GET", path: "images/json", expect: [200], signal });
  const json = await client.json(answer);
  if (json !== null && !isArray(json)) throw client.refusal("it lists no images");
  return (json ?? []).map((image) => ({
    id: textIn(image, "Id") ?? "",
    references: textsIn(image, "RepoTags"),
    created: numberAt(image, "Created"),
  }));
}

/**
 * Gives an image another name, which another one may have had.
 * @param reference `name:tag`
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function tagImage(
  client: EngineClient,
  id: string,
  reference: string,
  { signal }: Options = {},
): Promise<void> {
  const colon = reference.lastIndexOf(":");
  const query = { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  const request = { method: "POST", path: `images/${id}/tag`, query, expect: [201], signal } as const;
  await (await client.request(request)).discard();
}

/** @param reference `name:tag` */
export function repositoryOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf(":"));
}

function numberAt(json: Json | undefined, key: string): number {
  const value = isObject(json) ? json.get(key) : undefined;
  return value instanceof JsonNumber ? value.value : 0;
}
