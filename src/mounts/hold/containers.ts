/** What an engine is asked of its containers. */
import { isArray, isObject, parseJson, type Json } from "../../bytes/json.js";
import { LaminixError } from "../../errors.js";
import type { Answer } from "../../http/answer.js";
import { textIn } from "../../image/fields.js";
import { LineSplitter } from "../../process/lines.js";
import type { EngineClient } from "../../transports/engine/client.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface Container {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the slash that the API puts before it. */
  readonly name: string;
  /** When the engine said so, by its own clock: a date of HTTP. */
  readonly date: string | undefined;
}

/** An ID names a folder: it may be nothing else. */
const ID = /^[0-9a-f]{64}$/;
/** What engines let containers be called; an ID, or the beginning of one, is such a name too. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** Bytes; what an engine says of a container. */
const MAX_ANSWER = 4 << 20;

export function isContainerId(text: string): boolean {
  return ID.test(text);
}

/**
 * @param name an ID, the beginning of one, or a name
 * @returns `undefined` where the engine has none
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function findContainer(
  client: EngineClient,
  name: string,
  { signal }: Options = {},
): Promise<Container | undefined> {
  if (!NAME.test(name)) return undefined;
  const path = `containers/${name}/json`;
  const answer = await client.request({ method: "GET", path, expect: [200, 404], signal });
  if (answer.status === 404) {
    await requireNoContainer(client, answer);
    return undefined;
  }
  const json = await client.json(answer);
  const id = textIn(json, "Id") ?? "";
  if (!ID.test(id)) throw client.refusal(`it does not say which container ${name} is`);
  return { id, name: (textIn(json, "Name") ?? name).replace(/^\//, ""), date: answer.header("date") };
}

/** Roots are given up for this answer, so that it has to be the engine's own, and not that of a proxy before it. */
async function requireNoContainer(client: EngineClient, answer: Answer): Promise<void> {
  const text = (await answer.short(MAX_ANSWER))?.toString("utf8") ?? "";
  if (!/no such container/i.test(text)) throw client.refusal("it does not know what a container is");
}

/**
 * The IDs of all containers, whatever their state.
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function listContainers(
  client: EngineClient,
  { signal }: Options = {},
): Promise<ReadonlySet<string>> {
  const request = { method: "GET", path: "containers/json", query: { all: "1" }, expect: [200] } as const;
  const json = await client.json(await client.request({ ...request, signal }));
  const ids = isArray(json) ? json.map((each) => textIn(each, "Id") ?? "") : undefined;
  if (!ids?.every(isContainerId)) throw client.refusal("it does not list its containers");
  return new Set(ids);
}

export interface RemovalOptions extends Options {
  /** Unix seconds by the engine's clock: what has happened from then on is told too. */
  readonly since: number | undefined;
  /** Milliseconds after which a stream that says nothing is given up. */
  readonly silence: number;
}

/** Docker says `destroy`, podman `remove`; which of them answers is not known. */
const REMOVALS = ["destroy", "remove"];

/**
 * Follows the engine's events until one says that the container has been removed.
 * @returns whether one did; `false` where the engine ended the stream
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function awaitRemoval(
  client: EngineClient,
  id: string,
  { since, silence, signal }: RemovalOptions,
): Promise<boolean> {
  const filters = JSON.stringify({ type: ["container"], event: REMOVALS, container: [id] });
  const query = { filters, ...(since !== undefined && { since: String(since) }) };
  const answer = await client.request({
    method: "GET",
    path: "events",
    query,
    expect: [200],
    silence,
    signal,
  });
  const seen: boolean[] = [];
  const lines = new LineSplitter((line) => seen.push(isRemoval(parsed(client, line), id)));
  for await (const piece of answer.bytes()) {
    lines.push(piece);
    if (seen.splice(0).includes(true)) return true;
  }
  return false;
}

function parsed(client: EngineClient, line: string): Json {
  try {
    return parseJson(line, "its event");
  } catch (cause) {
    throw client.refusal("its event is not JSON", {}, cause);
  }
}

/** Not every engine minds every filter. */
function isRemoval(event: Json, id: string): boolean {
  const actor = isObject(event) ? event.get("Actor") : undefined;
  return REMOVALS.includes(textIn(event, "Action") ?? "") && textIn(actor, "ID") === id;
}

/** The error for a container that is not there, or not any more. */
export function noContainer(client: EngineClient, name: string, why: string): LaminixError {
  const { engine, name: host } = client.host;
  return new LaminixError("ERR_NO_CONTAINER", `${engine} at ${host} ${why}`, {
    details: { engine, host, container: name },
    hint: `${engine} ps --all lists the containers that it has`,
  });
}
