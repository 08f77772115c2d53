/** Temporary garbage collector roots. They live as long as the connection that asked for them. */
import { LaminixError } from "../errors.js";
import { type CallOptions, Connection } from "./connection.js";
import type { NativeTarget } from "./native.js";
import type { StorePath } from "./storePath.js";

/** Keeps store paths, and so their closures, until closed; on a connection of its own, so that no other use ends it. */
export class TempRoots implements AsyncDisposable {
  readonly #targets: readonly NativeTarget[];
  readonly #paths: readonly StorePath[];
  #connection: Promise<Connection> | undefined;
  #closed = false;

  private constructor(targets: readonly NativeTarget[], paths: readonly StorePath[]) {
    this.#targets = targets;
    this.#paths = paths;
  }

  /** @throws {LaminixError} ERR_PATH_NOT_VALID when a path is not there to be kept */
  static async take(
    targets: readonly NativeTarget[],
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
    this.#connection ??= this.#hold(options);
    const connection = await this.#connection;
    const valid = await Promise.all(
      this.#paths.map((path) => connection.call((native) => native.isValidPath(path), options)),
    );
    const gone = this.#paths.find((_, i) => valid[i] !== true);
    if (gone === undefined) return;
    throw new LaminixError("ERR_PATH_NOT_VALID", `${gone} is not valid in the store`, {
      details: { path: gone },
      hint: "build or fetch it first, for example with nix-store --realise",
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#connection?.catch(() => undefined);
    connection?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #hold(options: CallOptions): Promise<Connection> {
    const connection = await Connection.open(this.#targets, {
      ...options,
      onClose: () => {
        if (this.#closed) return;
        this.#connection = this.#hold({});
        this.#connection.catch(() => (this.#connection = undefined));
      },
    });
    await Promise.all(
      this.#paths.map((path) => connection.call((native) => native.addTempRoot(path), options)),
    );
    return connection;
  }
}
