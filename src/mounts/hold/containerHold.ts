import { type AbortScope, abortScope } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import type { EngineClient } from "../../transports/engine/client.js";
import { type HeldContainer, releaseFolder } from "./heldFolder.js";
import { untilRemoved } from "./watch.js";

export interface ContainerHoldOptions {
  readonly held: HeldContainer;
  readonly links: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Roots for a container, and the watch that releases them. Made by `holdWhile`. */
export class ContainerHold implements AsyncDisposable {
  /** The container's ID. */
  readonly container: string;
  readonly name: string;
  /** The store paths that are held. */
  readonly paths: HeldContainer["paths"];
  /** The roots: a link to each path. */
  readonly links: readonly string[];
  /**
   * Resolves when the container has been removed and its roots are released. Rejects where nobody watches any more, and the roots
   * stay: with the signal's reason; with ERR_CLOSED after `close`; with ERR_ENGINE where the engine refuses to tell.
   */
  readonly released: Promise<void>;
  readonly #scope: AbortScope;

  /** @internal */
  constructor(client: EngineClient, folder: string, { held, links, signal }: ContainerHoldOptions) {
    this.container = held.container;
    this.name = held.name;
    this.paths = held.paths;
    this.links = links;
    this.#scope = abortScope(signal);
    this.released = this.#watch(client, folder, held);
    // Not everybody waits for it.
    this.released.catch(() => undefined);
  }

  /** Stops watching. The roots stay, for the sweep to release once the container has been removed. Idempotent. */
  async close(): Promise<void> {
    this.#scope.abort(new LaminixError("ERR_CLOSED", `the container ${this.name} is watched no more`));
    await this.released.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #watch(client: EngineClient, folder: string, held: HeldContainer): Promise<void> {
    using scope = this.#scope;
    await using _client = client;
    await untilRemoved(client, held, scope.signal);
    releaseFolder(folder);
  }
}
