/** Temporary garbage collector roots. They live as long as the connection that asked for them. */
import { LaminixError } from "../errors.js";
import { type CallOptions, Connection, isDisconnected } from "./connection.js";
import type { StorePath } from "./storePath.js";
import type { DaemonTarget } from "./target.js";

interface Held {
  readonly connection: Connection;
  /** Settles when all paths are roots. */
  readonly rooted: Promise<unknown>;
}

/** Keeps store paths, and so their closures, until closed; on a connection of its own, so that no other use ends it. */
export class TempRoots implements AsyncDisposable {
  readonly #targets: readonly DaemonTarget[];
  readonly #paths: readonly StorePath[];
  #held: Promise<Held> | undefined;
  #closed = false;

  private constructor(targets: readonly DaemonTarget[], paths: readonly StorePath[]) {
    this.#targets = targets;
    this.#paths = paths;
  }

  /** @throws {LaminixError} ERR_PATH_NOT_VALID when a path is not there to be kept */
  static async take(
    targets: readonly DaemonTarget[],
    paths: readonly StorePath[],
    options: CallOptions,
  ): Promise<TempRoots> {
    const roots = new TempRoots(targets, paths);
    try {
      await roots.check(options);
      return roots;
    } catch (error) {
      await roots.close();
      throw error;
    }
  }

  /**
   * Makes sure that the paths are still held and valid. Roots lost with their connection are taken again at once;
   * what was collected in between is noticed here.
   * @throws {LaminixError} ERR_PATH_NOT_VALID
   */
  async check(options: CallOptions = {}): Promise<void> {
    if (this.#closed) throw new LaminixError("ERR_CLOSED", "the temporary roots have been given up");
    let valid: boolean[];
    try {
      valid = await this.#ask(options);
    } catch (error) {
      if (!isDisconnected(error)) throw error;
      valid = await this.#ask(options); // the connection was lost and nobody had heard of it yet
    }
    const gone = this.#paths.find((_, i) => valid[i] !== true);
    if (gone === undefined) return;
    throw new LaminixError("ERR_PATH_NOT_VALID", `${gone} is not valid in the store`, {
      details: { path: gone },
      hint: "build or fetch it first, for example with nix-store --realise",
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const held = await this.#held?.catch(() => undefined);
    held?.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ask(options: CallOptions): Promise<boolean[]> {
    const holding = (this.#held ??= this.#hold(options));
    const { connection, rooted } = await holding;
    try {
      // Behind the questions for roots, which are answered first: what is valid then is held.
      const valid = this.#paths.map((path) =>
        connection.call((native) => native.ask("isValidPath", { path }), options),
      );
      const [answers] = await Promise.all([Promise.all(valid), rooted]);
      return answers;
    } catch (error) {
      if (isDisconnected(error) && this.#held === holding) {
        this.#held = undefined;
        connection.close();
      }
      throw error;
    }
  }

  #hold(options: CallOptions): Promise<Held> {
    const holding = this.#take(options, () => {
      if (!this.#closed && this.#held === holding) this.#held = this.#hold({});
    });
    holding.catch(() => {
      if (this.#held === holding) this.#held = undefined;
    });
    return holding;
  }

  async #take(options: CallOptions, onClose: () => void): Promise<Held> {
    const connection = await Connection.open(this.#targets, { ...options, onClose });
    const rooted = Promise.all(
      this.#paths.map((path) => connection.call((native) => native.ask("addTempRoot", { path }))),
    );
    rooted.catch(() => undefined); // whoever checks hears of it
    return { connection, rooted };
  }
}
