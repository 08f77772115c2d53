/** What is in a folder of a store path: on this disk, or where its files are elsewhere, in its NAR if that is small. */
import { opendir } from "node:fs/promises";
import { abortScope } from "../abort.js";
import { decode, toByteString } from "../bytes/byteString.js";
import { narBatches } from "../nar/read.js";
import type { PathInfo } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import type { AskedStore } from "./askedStore.js";
import type { Asking } from "./asking.js";
import { keepLast } from "./keepLast.js";

export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link";
}

export interface FolderEntries {
  readonly entries: readonly FolderEntry[];
  /** Whether there may be more. */
  readonly isIncomplete: boolean;
}

/** Those of a folder that are looked at. */
const MOST_LOOKED_AT = 20_000;
/** Milliseconds. */
const PATIENCE = 2000;
/** Bytes. */
const LARGEST_NAR = 8 << 20;
/** Paths of which the names are kept. */
const MOST_KEPT = 4;

/** What is asked of the store. */
interface Store {
  readonly store: Promise<AskedStore>;
  folder(asking: Asking): Promise<string | undefined>;
  followed(
    path: string,
    asking: Asking,
  ): Promise<{ readonly place: string; readonly kind: "file" | "folder" } | undefined>;
  pathInfo(path: StorePath, asking: Asking): Promise<PathInfo | undefined>;
}

/** The entries of each folder of a NAR, by its path in it; both are byte strings. */
type NarFolders = ReadonlyMap<string, readonly FolderEntry[]>;

export class Folders {
  readonly #facts: Store;
  readonly #kept = new Map<StorePath, NarFolders>();

  constructor(facts: Store) {
    this.#facts = facts;
  }

  /** @param inside the folder in the path; empty for the path itself */
  async entries(path: StorePath, inside: string, { signal }: Asking): Promise<FolderEntries> {
    using scope = abortScope(signal);
    const late = setTimeout(() => {
      scope.abort(new DOMException("the folder takes too long", "TimeoutError"));
    }, PATIENCE);
    try {
      return await this.#read(path, inside, { signal: scope.signal });
    } catch (error) {
      signal.throwIfAborted();
      if (scope.signal.aborted) return { entries: [], isIncomplete: true };
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  async #read(path: StorePath, inside: string, asking: Asking): Promise<FolderEntries> {
    if ((await this.#facts.folder(asking)) === undefined) {
      const folders = await this.#narFolders(path, asking);
      return { entries: folders?.get(toByteString(inside)) ?? [], isIncomplete: false };
    }
    const followed = await this.#facts.followed(inside === "" ? path : `${path}/${inside}`, asking);
    return followed?.kind === "folder" ? onDisk(followed.place, asking) : NOTHING;
  }

  async #narFolders(path: StorePath, asking: Asking): Promise<NarFolders | undefined> {
    const info = await this.#facts.pathInfo(path, asking);
    if (!info || info.narSize > LARGEST_NAR) return undefined;
    const folders = this.#kept.get(path) ?? (await narFolders(await this.#facts.store, path, asking));
    keepLast(this.#kept, path, folders, MOST_KEPT);
    return folders;
  }
}

const NOTHING: FolderEntries = { entries: [], isIncomplete: false };

async function onDisk(place: string, { signal }: Asking): Promise<FolderEntries> {
  const entries: FolderEntry[] = [];
  for await (const entry of await opendir(place)) {
    signal.throwIfAborted();
    if (entries.length === MOST_LOOKED_AT) return { entries, isIncomplete: true };
    const kind = entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? "link" : "file";
    entries.push({ name: entry.name, kind });
  }
  return { entries, isIncomplete: false };
}

/** The whole of it is read, once. */
async function narFolders(store: AskedStore, path: StorePath, { signal }: Asking): Promise<NarFolders> {
  const folders = new Map<string, FolderEntry[]>();
  for await (const events of narBatches(store.nar(path, { signal }), { name: path, signal })) {
    for (const event of events) {
      if (event.type === "contents") continue;
      const slash = event.path.lastIndexOf("/");
      const name = decode(event.path.slice(slash + 1));
      const kind = event.type === "directory" ? "folder" : event.type === "symlink" ? "link" : "file";
      if (event.path !== "") folders.get(event.path.slice(0, Math.max(0, slash)))?.push({ name, kind });
      if (kind === "folder") folders.set(event.path, []);
    }
  }
  return folders;
}
