/**
 * Store paths and plain folders joined into one root.
 *
 * `LinkJoin` does what nixpkgs' `symlinkJoin` does, which is `lndir`: folders are merged, and in them are links to the
 * files; a link among the files is copied as it is, and what is there already stays. It goes beyond that where a link to
 * a folder meets a folder, or another such link: what both hold is merged, where lndir would lose the second.
 *
 * `copyContents` is what nixpkgs' `buildImage` does with `rsync`: real copies, of which the last stays.
 */
import { decode } from "../bytes/byteString.js";
import { Pauses } from "../files/pauses.js";
import type { Owner } from "../tar/header.js";
import type { Listed, ListedFile, ListedFolder, ListedLink } from "./listing.js";
import { folderAt } from "./lookup.js";
import {
  type Attributes,
  FOLDER,
  type FileNode,
  type FolderNode,
  folderNode,
  LINK,
  linkNode,
  rootOwned,
  type SymlinkNode,
  type TreeNode,
} from "./node.js";

/** Folders that lndir passes over, as it does everything whose name ends in `~`. */
const VERSION_CONTROL = new Set(["BitKeeper", "CVS", "CVS.adm", "RCS", "SCCS", ".git", ".hg", ".svn"]);

/** Hears of a file that is not in the tree because something else is at its place, and of what that is. */
export type OnConflict = (path: string, kept: string) => void;

/** Something that is at a place. */
export interface Found<L extends Listed = Listed> {
  readonly listed: L;
  /** Where it is by name: no link is on the way to it any more. A byte string. */
  readonly place: string;
}

/** Where paths and links lead. */
export interface Places {
  /**
   * The folder that a store path or a plain folder is, links followed; `undefined` for a file.
   * @throws {LaminixError} as `list`; ERR_FILE_TYPE for a link that leads nowhere
   */
  folder(path: string): Promise<Found<ListedFolder> | undefined>;

  /**
   * The folder that a link leads to, however many others are on the way; `undefined` where it leads to something else,
   * or to nothing that is in the store or in the link's own folder.
   * @param link the link's own place
   */
  linkedFolder(link: string, target: string): Promise<Found<ListedFolder> | undefined>;
}

export interface JoinOptions {
  readonly places: Places;
  /** Whether something is in the store, where it can be linked to; everything else is copied. */
  readonly inStore: (place: string) => boolean;
  readonly onConflict?: OnConflict | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Joins trees of links. Links to folders are remembered, to be merged with what comes later. */
export class LinkJoin {
  readonly #options: JoinOptions;
  readonly #pauses: Pauses;
  /** Where links that were copied come from. */
  readonly #origins = new WeakMap<SymlinkNode, string>();

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.signal);
  }

  /** A path that is a file has no place in the root, and is passed over. */
  async add(root: FolderNode, path: string): Promise<void> {
    const found = await this.#options.places.folder(path);
    if (found) await this.#merge(root, found, "", []);
  }

  /** @param above the folders that this one is in, so that links to them do not lead round in circles */
  async #merge(
    into: FolderNode,
    { listed, place }: Found<ListedFolder>,
    at: string,
    above: readonly string[],
  ): Promise<void> {
    const chain = [...above, place];
    for (const [name, child] of listed.children()) {
      if (this.#pauses.isDue()) await this.#pauses.take();
      const isFolder = child.type === "directory";
      if (name.endsWith("~") || (isFolder && VERSION_CONTROL.has(name))) continue;
      const from = `${place}/${name}`;
      if (isFolder) await this.#folder(into, name, { listed: child, place: from }, `${at}/${name}`, chain);
      else await this.#leaf(into, name, { listed: child, place: from }, `${at}/${name}`, chain);
    }
  }

  async #folder(
    into: FolderNode,
    name: string,
    found: Found<ListedFolder>,
    at: string,
    above: readonly string[],
  ): Promise<void> {
    const folder = await this.#asFolder(into, name, at, above);
    if (folder) await this.#merge(folder, found, at, above);
    else this.#conflict(at, into.children.get(name));
  }

  /** What a name stands for, as a folder: one that is there or is made, or what a link leads to in the link's place. */
  async #asFolder(
    into: FolderNode,
    name: string,
    at: string,
    above: readonly string[],
  ): Promise<FolderNode | undefined> {
    const there = into.children.get(name);
    if (there?.type === "directory") return there;
    const linked = there?.type === "symlink" ? await this.#linked(there) : undefined;
    if (there && (!linked || above.includes(linked.place))) return undefined;
    const folder = folderNode();
    into.children.set(name, folder);
    if (linked) await this.#merge(folder, linked, at, above);
    return folder;
  }

  async #leaf(
    into: FolderNode,
    name: string,
    { listed, place }: Found<ListedFile | ListedLink>,
    at: string,
    above: readonly string[],
  ): Promise<void> {
    const there = into.children.get(name);
    if (!there) {
      into.children.set(name, this.#node(listed, place));
      return;
    }
    if (there.type === "symlink" && there.target === (listed.type === "symlink" ? listed.target : place))
      return;
    if (listed.type === "symlink") {
      const linked = await this.#options.places.linkedFolder(place, listed.target);
      if (linked && !above.includes(linked.place)) {
        const folder = await this.#asFolder(into, name, at, above);
        if (folder) {
          await this.#merge(folder, linked, at, above);
          return;
        }
      }
    }
    this.#conflict(at, there);
  }

  #node(child: ListedFile | ListedLink, from: string): TreeNode {
    if (child.type === "symlink") {
      const link = linkNode(child.target);
      this.#origins.set(link, from);
      return link;
    }
    return this.#options.inStore(from) ? linkNode(from) : copiedFile(child, PLAIN_MODES, FOLDER);
  }

  async #linked(link: SymlinkNode): Promise<Found<ListedFolder> | undefined> {
    const origin = this.#origins.get(link);
    return origin === undefined ? undefined : this.#options.places.linkedFolder(origin, link.target);
  }

  #conflict(at: string, there: TreeNode | undefined): void {
    this.#options.onConflict?.(decode(at), described(there));
  }
}

export interface CopyOptions extends JoinOptions {
  readonly owner: Owner;
  /**
   * `follow`: a link to a folder becomes a folder with copies (`rsync -k`); `keep`: it stays a link, and folders that
   * come later go where it leads (`rsync -K`).
   */
  readonly links: "follow" | "keep";
}

/** @throws {LaminixError} as `Places.folder` */
export async function copyContents(root: FolderNode, path: string, options: CopyOptions): Promise<void> {
  const { places, inStore, owner, links } = options;
  const pauses = new Pauses(options.signal);
  const top = await places.folder(path);
  if (!top) return;
  const modes = inStore(top.place) ? STORE_MODES : PLAIN_MODES;
  const of = (attributes: Attributes): Attributes => ({ ...attributes, ...owner });
  await merge(root, top, [top.place], "");

  /** @param above the folders that this one is in, so that a link back to one of them is not followed */
  async function merge(
    into: FolderNode,
    { listed, place }: Found<ListedFolder>,
    above: readonly string[],
    at: string,
  ): Promise<void> {
    for (const [name, child] of listed.children()) {
      if (pauses.isDue()) await pauses.take();
      const found = await folderFor({ listed: child, place: `${place}/${name}` }, above);
      const inner = `${at}/${name}`;
      if (found) {
        await merge(folderIn(into, name, inner), found, [...above, found.place], inner);
      } else if (child.type !== "directory") {
        put(
          into,
          name,
          child.type === "symlink" ? copiedLink(child) : copiedFile(child, modes, owner),
          inner,
        );
      }
    }
  }

  async function folderFor(
    { listed, place }: Found,
    above: readonly string[],
  ): Promise<Found<ListedFolder> | undefined> {
    if (listed.type === "directory") return { listed, place };
    if (listed.type === "file" || links === "keep") return undefined;
    const linked = await places.linkedFolder(place, listed.target);
    return linked && !above.includes(linked.place) ? linked : undefined;
  }

  function folderIn(into: FolderNode, name: string, at: string): FolderNode {
    const there = into.children.get(name);
    if (there?.type === "directory") return there;
    const linked = links === "keep" && there?.type === "symlink" ? folderAt(root, at) : undefined;
    if (linked) return linked.folder;
    const folder = folderNode(of(FOLDER));
    put(into, name, folder, at);
    return folder;
  }

  function copiedLink({ target }: ListedLink): SymlinkNode {
    return { type: "symlink", attributes: of(LINK), target };
  }

  function put(into: FolderNode, name: string, node: TreeNode, at: string): void {
    const there = into.children.get(name);
    const same = there?.type === "symlink" && node.type === "symlink" && there.target === node.target;
    if (there && !same) options.onConflict?.(decode(at), described(node));
    into.children.set(name, node);
  }
}

interface Modes {
  readonly file: number;
  readonly executable: number;
}

/** As in a Nix store. */
const STORE_MODES: Modes = { file: 0o444, executable: 0o555 };
/** Whatever the umask was where the files were made, they are the same on every machine. */
const PLAIN_MODES: Modes = { file: 0o644, executable: 0o755 };

function copiedFile(file: ListedFile, modes: Modes, owner: Owner): FileNode {
  const { body, executable } = file.contents();
  const mode = executable ? modes.executable : modes.file;
  return { type: "file", attributes: { ...rootOwned(mode), ...ownerOf(owner) }, body };
}

function ownerOf({ uid, gid, uname, gname }: Owner): Owner {
  return { uid, gid, uname, gname };
}

function described(node: TreeNode | undefined): string {
  if (node?.type === "symlink") return decode(node.target);
  if (node?.type === "file" && "disk" in node.body) return decode(node.body.disk);
  return node?.type === "directory" ? "a folder" : "a file";
}
