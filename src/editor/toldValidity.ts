/**
 * What the editor shows may be wrong once a path has become valid, or is valid no longer: a build has ended, or garbage
 * has been collected. The store's folder changes then. Only what has been told is asked about again.
 */
import { type FSWatcher, watch } from "node:fs";
import type { StorePath } from "../store/storePath.js";
import type { Asking } from "./asking.js";
import { keepLast } from "./keepLast.js";

/** Paths that are asked about again; those that were told last. */
const MOST_KEPT = 5000;
/** Milliseconds from a change of the store's folder: a path is registered soon after its files have come. */
const REST = 500;

/** What is asked of the store. */
interface Store {
  folder(asking: Asking): Promise<string | undefined>;
  askValid(paths: readonly StorePath[], asking: Asking): Promise<ReadonlySet<StorePath>>;
}

export class ToldValidity {
  readonly #store: Store;
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  readonly #told = new Map<StorePath, boolean>();
  #watching: Promise<FSWatcher | undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Store, onChange: () => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  tell(path: StorePath, isValid: boolean): void {
    keepLast(this.#told, path, isValid, MOST_KEPT);
    this.#watching ??= this.#watch();
  }

  /** Asks again, and calls back where something is not as it was told. */
  async check(): Promise<void> {
    const { signal } = this.#end;
    const before = new Map(this.#told);
    if (before.size === 0 || signal.aborted) return;
    try {
      const valid = await this.#store.askValid([...before.keys()], { signal });
      const changed = [...before].filter(([path, wasValid]) => valid.has(path) !== wasValid);
      for (const [path, wasValid] of changed) this.tell(path, !wasValid);
      if (changed.length > 0) this.#onChange();
    } catch {
      // Nobody asked: a store that is not there is told to those who ask for something.
    }
  }

  close(): void {
    this.#end.abort();
    clearTimeout(this.#timer);
    void this.#watching?.then((watcher) => watcher?.close());
  }

  /** Nothing is watched where the files are on another disk, or the system has no watch left. */
  async #watch(): Promise<FSWatcher | undefined> {
    const { signal } = this.#end;
    try {
      const folder = await this.#store.folder({ signal });
      if (folder === undefined || signal.aborted) return undefined;
      const watcher = watch(folder, { persistent: false }, () => {
        this.#soon();
      });
      watcher.on("error", () => {
        watcher.close();
      });
      return watcher;
    } catch {
      return undefined;
    }
  }

  /** Once for all that happens meanwhile: a store that is built into changes all the time. */
  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.check();
    }, REST).unref();
  }
}
