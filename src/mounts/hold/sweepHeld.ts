/** Releasing the roots of containers that were removed while nobody watched. */
import {
  checkGiven,
  keysOf,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
} from "../../arguments.js";
import type { EngineClient } from "../../transports/engine/client.js";
import { type Engine, ENGINES } from "../../transports/engine/engines.js";
import { engineHost } from "../../transports/engine/host.js";
import { findContainer, listContainers } from "./containers.js";
import {
  type HeldContainer,
  heldContainers,
  heldFolderOf,
  releaseFolder,
  rootsFolder,
} from "./heldFolder.js";
import { engineIdentity } from "./identity.js";

export interface SweepOptions {
  /** Decides where to look for the engine; default: Docker. */
  readonly engine?: Engine | undefined;
  /** `unix:///path/to/socket`, `tcp://host:port` or `https://host`; where the environment says unless given. */
  readonly host?: string | undefined;
  /** `DOCKER_HOST`, `XDG_STATE_HOME` and so on; this process's unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** The folder in which `roots` are; `laminix` in `XDG_STATE_HOME`, or in `~/.local/state`, unless given. */
  readonly state?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SweptRoots {
  /** Containers that the engine does not have any more, and whose roots were removed. */
  readonly released: readonly HeldContainer[];
  /** All others with roots, of this engine and of others. */
  readonly kept: readonly HeldContainer[];
}

/**
 * Releases the roots that `holdWhile` has made for containers which the engine does not have any more. The engine is asked only
 * where there are roots for containers of its own; if it does not answer, nothing is released.
 * @throws {LaminixError} ERR_ENGINE_HOST, ERR_ENGINE_UNREACHABLE, ERR_ENGINE where the engine refuses, ERR_FILE_READ,
 *   ERR_FILE_WRITE
 */
export async function sweepHeld(options: SweepOptions = {}): Promise<SweptRoots> {
  checkSweepOptions(options);
  const { signal, engine, host, environment = process.env, state } = options;
  signal?.throwIfAborted();
  const roots = rootsFolder(state, environment);
  const { EngineClient } = await import("../../transports/engine/client.js");
  await using client = new EngineClient(engineHost({ engine, host, environment }), { environment });
  return await sweep(client, roots, signal);
}

const SWEEP_KEYS = keysOf<SweepOptions>({
  ...{ engine: true, host: true, environment: true, state: true, signal: true },
});

/**
 * @param more keys of the caller's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkSweepOptions(options: SweepOptions, more: readonly string[] = []): void {
  requireKnown(options, [...SWEEP_KEYS, ...more]);
  checkGiven(options, "options", {
    engine: (value, argument) => {
      requireOneOf(value, ENGINES, argument);
    },
    host: requireString,
    environment: (value, argument) => {
      requireOptions(value, argument);
    },
    state: requireString,
  });
}

/** The same with a client. */
export async function sweep(
  client: EngineClient,
  roots: string,
  signal: AbortSignal | undefined,
): Promise<SweptRoots> {
  // Before the question: what is held meanwhile is of a container that the answer may not have yet.
  const held = heldContainers(roots);
  const { engine, name } = client.host;
  const reached = held.filter((each) => each.engine === engine && each.host === name);
  if (reached.length === 0) return { released: [], kept: held };
  const engineId = await engineIdentity(client, signal);
  const there = await listContainers(client, { signal });
  const released = new Set<HeldContainer>();
  for (const each of reached) {
    if (each.engineId !== engineId || there.has(each.container)) continue;
    // A list may lack what is just changing.
    if (await findContainer(client, each.container, { signal })) continue;
    releaseFolder(heldFolderOf(roots, each));
    released.add(each);
  }
  return { released: [...released], kept: held.filter((each) => !released.has(each)) };
}
