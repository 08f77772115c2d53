/** The files that Nix has read as source, watched for changes. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Folders are watched, since editors put a new file in the place of an old one. */
export class ImportWatcher {
  readonly #onChange: (file: string) => void;
  readonly #ignored: string;
  /** Names by folder. */
  readonly #names = new Map<string, Set<string>>();
  readonly #watchers = new Map<string, FSWatcher>();

  /**
   * @param ignored a folder whose files are not looked at
   * @param onChange called once for each change that the system tells of
   */
  constructor(ignored: string, onChange: (file: string) => void) {
    this.#ignored = ignored;
    this.#onChange = onChange;
  }

  /** @param since when it may have been read, in milliseconds of Unix time */
  add(file: string, since: number): void {
    if (file.startsWith(this.#ignored)) return;
    const folder = dirname(file);
    const name = basename(file);
    let names = this.#names.get(folder);
    if (!names) {
      names = new Set();
      this.#names.set(folder, names);
      this.#watch(folder, names);
    }
    if (names.has(name)) return;
    names.add(name);
    // It may have changed between its reading and now; one that was moved there has kept its time of modification.
    const { ctimeMs = Infinity } = statSync(file, { throwIfNoEntry: false }) ?? {};
    if (ctimeMs > since) this.#onChange(file);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    this.#names.clear();
  }

  #watch(folder: string, names: ReadonlySet<string>): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null) for (const each of names) this.#onChange(`${folder}/${each}`);
        else if (names.has(name)) this.#onChange(`${folder}/${name}`);
      });
      watcher.on("error", () => {
        watcher.close();
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // A folder that is not there, or more than the system watches.
    }
  }
}
