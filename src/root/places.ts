/** Where a path leads in a store, or in a plain folder, whose files may be elsewhere than their names say. */
import { LaminixError } from "../errors.js";
import { decode, toByteString } from "../bytes/byteString.js";
import { type PathFiles, requireNarHash } from "../nar/source.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import type { Found, Places } from "../tree/join.js";
import { list, listDisk, type Listed, type ListedFolder, type ListOptions } from "../tree/listing.js";
import { MAX_LINKS } from "../tree/lookup.js";
import { partsOf } from "../tree/node.js";

export type Locate = (path: StorePath) => PathFiles | Promise<PathFiles>;

export interface StorePlacesOptions extends ListOptions {
  readonly storeDir: string;
  readonly locate: Locate;
  /** SRI of a path's NAR, where known. */
  readonly narHash: (path: StorePath) => string | undefined;
}

/** A place on the way; nothing is listed above the store's paths, and above plain folders. */
interface Step {
  readonly place: string;
  readonly listed: Listed | undefined;
}

/** How it is told that a store path is not there. */
const NOT_THERE = ["ERR_PATH_NOT_VALID", "ERR_PATH_NOT_ON_DISK", "ERR_FILE_CHANGED"];

export class StorePlaces implements Places {
  readonly #options: StorePlacesOptions;
  readonly #tops = new Map<string, Promise<Listed>>();

  constructor(options: StorePlacesOptions) {
    this.#options = options;
  }

  async folder(path: string): Promise<Found<ListedFolder> | undefined> {
    const place = toByteString(path);
    const found = await this.#follow(place, place);
    if (!found) {
      throw new LaminixError("ERR_FILE_TYPE", `${path} is a symbolic link that leads nowhere`, {
        details: { path },
        hint: "name what it should lead to in its place",
      });
    }
    return asFolder(found);
  }

  async linkedFolder(link: string, target: string): Promise<Found<ListedFolder> | undefined> {
    const folder = link.slice(0, link.lastIndexOf("/"));
    const found = await this.#follow(target.startsWith("/") ? target : `${folder}/${target}`, link);
    return found && asFolder(found);
  }

  /**
   * As the kernel does it: one part after the other, and no more links than it follows.
   * @param from a place: what is neither in the store nor in the same plain folder is not looked for
   */
  async #follow(path: string, from: string): Promise<Found | undefined> {
    let links = MAX_LINKS;
    const pending = partsOf(path).reverse();
    const way: Step[] = [];
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "..") {
        way.pop();
        continue;
      }
      const step = await this.#step(way.at(-1), part, from);
      if (!step) return undefined;
      if (step.listed?.type !== "symlink") {
        way.push(step);
        continue;
      }
      if (links-- === 0) return undefined;
      const { target } = step.listed;
      if (target.startsWith("/")) way.length = 0;
      // Not spread: a NAR may have a target of any length.
      for (const next of partsOf(target).reverse()) pending.push(next);
    }
    const { place, listed } = way.at(-1) ?? {};
    return place !== undefined && listed ? { place, listed } : undefined;
  }

  async #step(folder: Step | undefined, part: string, from: string): Promise<Step | undefined> {
    const place = `${folder?.place ?? ""}/${part}`;
    if (folder?.listed) {
      const listed = folder.listed.type === "directory" ? folder.listed.child(part) : undefined;
      return listed && { place, listed };
    }
    if (!this.#isTop(place, from)) return { place, listed: undefined };
    try {
      return { place, listed: await this.#list(place) };
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      // A link may lead to what nobody has.
      if (place !== from && NOT_THERE.some((each) => each === code)) return undefined;
      throw error;
    }
  }

  /** Whether a place is a store path, or the plain folder that something is in. */
  #isTop(place: string, from: string): boolean {
    const { storeDir } = this.#options;
    return place === from || (this.#tops.has(place) && isIn(from, place)) || isStorePath(place, storeDir);
  }

  #list(top: string): Promise<Listed> {
    let listed = this.#tops.get(top);
    if (!listed) {
      listed = this.#read(top);
      listed.catch(() => this.#tops.delete(top)); // what was aborted may be asked for again
      this.#tops.set(top, listed);
    }
    return listed;
  }

  async #read(top: string): Promise<Listed> {
    const { storeDir, locate, narHash, signal } = this.#options;
    signal?.throwIfAborted();
    if (!isStorePath(top, storeDir)) return listDisk(top);
    const path = toStorePath(decode(top), storeDir);
    const files = await locate(path);
    if (!("disk" in files)) requireNarHash(files, path, narHash(path));
    return list(path, files, this.#options);
  }
}

function asFolder({ listed, place }: Found): Found<ListedFolder> | undefined {
  return listed.type === "directory" ? { listed, place } : undefined;
}

function isStorePath(place: string, storeDir: string): boolean {
  if (!place.startsWith(`${toByteString(storeDir)}/`)) return false;
  try {
    return toByteString(toStorePath(decode(place), storeDir)) === place;
  } catch {
    return false;
  }
}

function isIn(place: string, folder: string): boolean {
  return place === folder || place.startsWith(`${folder}/`);
}
