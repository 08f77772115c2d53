/** Where a path leads in a store, or in a plain folder, whose files may be elsewhere than their names say. */
import { LaminixError } from "../errors.js";
import { decode, toByteString } from "../files/byteString.js";
import { type PathFiles, requireNarHash } from "../nar/source.js";
import { type StorePath, toStorePath } from "../store/storePath.js";
import { list, listDisk, type Listed, type ListedFolder, type ListOptions } from "./listing.js";
import { partsOf } from "./node.js";

export type Locate = (path: StorePath) => PathFiles | Promise<PathFiles>;

export interface PlacesOptions extends ListOptions {
  readonly storeDir: string;
  readonly locate: Locate;
  /** SRI of a path's NAR, where known. */
  readonly narHash: (path: StorePath) => string | undefined;
}

/** Something that is at a place. */
export interface Found<L extends Listed = Listed> {
  readonly listed: L;
  /** Where it is by name: no link is on the way to it any more. A byte string. */
  readonly place: string;
}

/** As many links as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

export class Places {
  readonly #options: PlacesOptions;
  readonly #tops = new Map<string, Promise<Listed>>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /**
   * The folder that a store path or a plain folder is, links followed; `undefined` for a file.
   * @throws {LaminixError} as `list`; ERR_FILE_TYPE for a link that leads nowhere
   */
  async folder(path: string): Promise<Found<ListedFolder> | undefined> {
    const found = await this.#follow(toByteString(path), MAX_LINKS, toByteString(path));
    if (!found) {
      throw new LaminixError("ERR_FILE_TYPE", `${path} is a symbolic link that leads nowhere`, {
        details: { path },
        hint: "name what it should lead to in its place",
      });
    }
    return asFolder(found);
  }

  /**
   * The folder that a link leads to, however many others are on the way; `undefined` where it leads to something else,
   * or to nothing that is in the store or in the link's own folder.
   * @param link the link's own place
   */
  async linkedFolder(link: string, target: string): Promise<Found<ListedFolder> | undefined> {
    const found = await this.#follow(
      target.startsWith("/") ? target : `${link}/../${target}`,
      MAX_LINKS,
      link,
    );
    return found && asFolder(found);
  }

  /** @param from a place: what is neither in the store nor in the same plain folder is not looked for */
  async #follow(place: string, links: number, from: string): Promise<Found | undefined> {
    const normal = normalise(place);
    const top = this.#topOf(normal, from);
    if (top === undefined || links === 0) return undefined;
    let listed = await this.#list(top);
    let at = top;
    for (const part of partsOf(normal.slice(top.length))) {
      const folder = await this.#resolved({ listed, place: at }, links, from);
      if (folder?.listed.type !== "directory") return undefined;
      const child = folder.listed.child(part);
      if (!child) return undefined;
      listed = child;
      at = `${folder.place}/${part}`;
    }
    return this.#resolved({ listed, place: at }, links, from);
  }

  async #resolved(found: Found, links: number, from: string): Promise<Found | undefined> {
    const { listed, place } = found;
    if (listed.type !== "symlink") return found;
    const { target } = listed;
    return this.#follow(target.startsWith("/") ? target : `${place}/../${target}`, links - 1, from);
  }

  /** The store path, or the plain folder, that a place is in. */
  #topOf(place: string, from: string): string | undefined {
    const storeDir = toByteString(this.#options.storeDir);
    if (place.startsWith(`${storeDir}/`)) {
      const top = place.split("/", storeDir.split("/").length + 1).join("/");
      return isStorePath(top, this.#options.storeDir) ? top : undefined;
    }
    for (const top of this.#tops.keys()) if (isIn(from, top) && isIn(place, top)) return top;
    return from === place ? place : undefined;
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
  try {
    return toByteString(toStorePath(decode(place), storeDir)) === place;
  } catch {
    return false;
  }
}

function isIn(place: string, folder: string): boolean {
  return place === folder || place.startsWith(`${folder}/`);
}

/** `.` and `..` away by name, as is right where no link is on the way. */
function normalise(place: string): string {
  const parts: string[] = [];
  for (const part of partsOf(place)) {
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}
