/** The names of all paths of a store, to complete by. */
import { statSync } from "node:fs";
import { abortable } from "../abort.js";
import { baseName } from "../store/storePath.js";
import type { NixStore } from "../store/nixStore.js";
import type { Asking } from "./asking.js";

/** Milliseconds that the names are good for, where the store's folder does not tell sooner that they are not. */
const GOOD_FOR = 60_000;
/** The same where it cannot tell: it is on another disk, or was just being changed. */
const GOOD_FOR_NOW = 2000;

interface Names {
  /** Base names, by what follows the hash part. */
  readonly bases: readonly string[];
  /** Which tells by its time that a path has come or gone. */
  readonly folder: string | undefined;
  readonly changed: number | undefined;
  readonly at: number;
}

/** What is asked of the store. */
interface Store {
  daemon(): Promise<NixStore>;
  folder(asking: Asking): Promise<string | undefined>;
}

export class StoreIndex {
  readonly #store: Store;
  readonly #end = new AbortController();
  #names: Promise<Names> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Base names of valid paths of which the name, or the hash part, begins with a text; then those whose name contains it.
   * @param most how many
   */
  async matching(typed: string, most: number, { signal }: Asking): Promise<string[]> {
    const { bases } = await abortable(this.#current(), signal);
    const lower = typed.toLowerCase();
    const beginning: string[] = [];
    const containing: string[] = [];
    for (const base of bases) {
      if (beginning.length >= most) break;
      const at = base.toLowerCase().indexOf(lower, 33);
      if (at === 33 || base.startsWith(typed)) beginning.push(base);
      else if (at > 33 && containing.length < most) containing.push(base);
    }
    return [...beginning, ...containing].slice(0, most);
  }

  close(): void {
    this.#end.abort();
  }

  async #current(): Promise<Names> {
    const before = this.#names;
    const known = await before?.catch(() => undefined);
    if ((!known || !isGood(known)) && this.#names === before) this.#names = this.#read();
    return this.#names ?? this.#read();
  }

  async #read(): Promise<Names> {
    const at = Date.now();
    const { signal } = this.#end;
    const daemon = await this.#store.daemon();
    const paths = await daemon.allValidPaths({ signal });
    const bases = paths.map(baseName).sort((one, other) => {
      const [first, second] = [one.slice(33), other.slice(33)];
      return first < second ? -1 : first > second ? 1 : 0;
    });
    const folder = await this.#store.folder({ signal });
    return { bases, folder, changed: timeOf(folder), at };
  }
}

function isGood({ folder, changed, at }: Names): boolean {
  const age = Date.now() - at;
  const isTold = changed !== undefined && at - changed > GOOD_FOR_NOW;
  return age < (isTold ? GOOD_FOR : GOOD_FOR_NOW) && timeOf(folder) === changed;
}

function timeOf(folder: string | undefined): number | undefined {
  return folder === undefined ? undefined : statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
}
