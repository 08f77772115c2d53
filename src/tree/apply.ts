/**
 * Layers on top of one another. Format: OCI image specification 1.1, layer.md, "Applying Changesets" and "Whiteouts";
 * where it is silent, what Docker does when it unpacks a layer into a folder of its own.
 */
import { LaminixError } from "../errors.js";
import { decode } from "../bytes/byteString.js";
import { Pauses } from "../files/pauses.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { type TarMember, tarMembers } from "../tar/members.js";
import { TarBudget } from "../tar/tarBudget.js";
import { MAX_LINKS, nodeAt } from "./lookup.js";
import { type Attributes, type FolderNode, folderNode, partsOf, rootOwned, type TreeNode } from "./node.js";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names that AUFS keeps its own things under. */
const AUFS = ".wh..wh.";
/** Bytes of a path, and of what a link leads to, in Linux, the NUL at the end among them (PATH_MAX). */
const MAX_PATH = 4096;
/** Folders in one another. A path has room for no more; links could lead to any depth. */
const MAX_DEPTH = MAX_PATH / 2;

/** An empty root, as an image without layers has it. */
export function emptyRoot(): FolderNode {
  return folderNode(rootOwned(0o755));
}

export interface ApplyOptions {
  /** `keep`: a whiteout is a file like others, which is to stay one. */
  readonly whiteouts?: "apply" | "keep";
  /** Shared by all layers of the root; the layer's own unless given. */
  readonly budget?: TarBudget;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds a layer to a root. A whiteout takes away what lower layers have, not what its own layer has; a member below a
 * link that its own layer has goes to where the link leads, and below a lower layer's link to a folder in its place.
 * @param tar the layer's tar, uncompressed; its files are read from there when they are needed
 * @param name of the layer, for errors
 * @throws {LaminixError} ERR_ARCHIVE for a damaged tar, for more than the budget allows, and for names that lead out of
 *   the root or that Linux has no room for; ERR_UNSUPPORTED
 * @throws the signal's reason
 */
export async function applyLayer(
  root: FolderNode,
  tar: RandomAccess,
  name: string,
  { whiteouts = "apply", budget = new TarBudget(), signal }: ApplyOptions = {},
): Promise<void> {
  const pauses = new Pauses(signal);
  const layer = new LayerOn(root, tar, name, whiteouts);
  let kept: TarMember[] | undefined = [];
  let room = 0;
  for (const member of tarMembers(tar, name, budget)) {
    if (pauses.isDue()) await pauses.take();
    budget.takeText(member.pax.xattrRoom, name);
    if (whiteouts === "apply") layer.takeAway(member);
    room += MEMBER_ROOM + member.name.length + member.linkname.length + member.pax.room;
    if (room > MAX_ROOM) kept = undefined;
    kept?.push(member);
  }
  for (const member of kept ?? tarMembers(tar, name)) {
    if (pauses.isDue()) await pauses.take();
    layer.put(member);
  }
}

/** Bytes of memory that a member takes, and that all may take that wait; a layer with more is read a second time. */
const MEMBER_ROOM = 256;
const MAX_ROOM = 32 << 20;

class LayerOn {
  readonly #root: FolderNode;
  readonly #tar: RandomAccess;
  readonly #name: string;
  readonly #whiteouts: ApplyOptions["whiteouts"];
  /** Links that this layer has. */
  readonly #links = new Set<TreeNode>();
  readonly #attributes = new Map<string, Attributes>();

  constructor(root: FolderNode, tar: RandomAccess, name: string, whiteouts: ApplyOptions["whiteouts"]) {
    this.#whiteouts = whiteouts;
    this.#root = root;
    this.#tar = tar;
    this.#name = name;
  }

  takeAway(member: TarMember): void {
    if (!member.name.includes(WHITEOUT)) return;
    const { parts, last } = this.#split(member);
    if (!last.startsWith(WHITEOUT)) return;
    const folder = nodeAt(this.#root, parts);
    if (folder?.type !== "directory") return;
    if (last === OPAQUE) folder.children.clear();
    else if (!last.startsWith(AUFS)) folder.children.delete(last.slice(WHITEOUT.length));
  }

  put(member: TarMember): void {
    const { parts, last } = this.#split(member);
    const isNotFile = last.startsWith(WHITEOUT) || parts[0]?.startsWith(AUFS);
    if (this.#whiteouts === "apply" && isNotFile) return;
    if (last === "") {
      if (member.type === "directory") this.#root.attributes = this.#attributesOf(member);
      return;
    }
    const folder = this.#folder(parts);
    const there = folder.children.get(last);
    const node = this.#node(member, there);
    if (node === there) return;
    if (node.type === "symlink") this.#links.add(node);
    folder.children.set(last, node);
  }

  #node(member: TarMember, there: TreeNode | undefined): TreeNode {
    const attributes = this.#attributesOf(member);
    switch (member.type) {
      case "directory":
        if (there?.type !== "directory") return folderNode(attributes);
        there.attributes = attributes;
        return there;
      case "file": {
        const { offset, size } = member;
        const body = size === 0 ? { bytes: NOTHING } : { source: this.#tar, offset, size };
        return { type: "file", attributes, body };
      }
      case "symlink":
        return { type: "symlink", attributes, target: member.linkname };
      case "hardlink":
        return this.#linked(member);
      default: {
        const { type, devmajor, devminor } = member;
        return { type, attributes, devmajor, devminor };
      }
    }
  }

  #linked(member: TarMember): TreeNode {
    const { parts, last } = this.#split(member, member.linkname);
    const node = last === "" ? undefined : nodeAt(this.#root, [...parts, last]);
    if (node && node.type !== "directory") return node;
    throw this.#refused(member, `is a hard link to ${decode(member.linkname)}, which is no file there`);
  }

  /** Folders that the layer does not list are made. */
  #folder(parts: readonly string[]): FolderNode {
    let links = MAX_LINKS;
    const pending = [...parts].reverse();
    const path: FolderNode[] = [this.#root];
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      const folder = path.at(-1) ?? this.#root;
      if (part === "..") {
        if (path.length > 1) path.pop();
        continue;
      }
      let node = folder.children.get(part);
      if (node?.type === "symlink" && this.#links.has(node)) {
        if (links-- === 0) throw this.#refused(undefined, "has links that lead round in circles");
        pending.push(...partsOf(node.target).reverse());
        if (node.target.startsWith("/")) path.length = 1;
        continue;
      }
      if (node?.type !== "directory") {
        node = folderNode(rootOwned(0o755));
        folder.children.set(part, node);
      }
      if (path.push(node) > MAX_DEPTH) throw this.#refused(undefined, "has folders in one another too deep");
    }
    return path.at(-1) ?? this.#root;
  }

  #split(
    member: TarMember,
    path = member.name,
  ): { readonly parts: readonly string[]; readonly last: string } {
    // A hard link's target is a path too.
    if (Math.max(member.name.length, member.linkname.length) >= MAX_PATH)
      throw this.#refused(member, "has a path that is too long");
    const parts: string[] = [];
    for (const part of partsOf(path)) {
      if (part !== "..") parts.push(part);
      else if (parts.pop() === undefined) throw this.#refused(member, "leads out of the image");
    }
    const last = parts.pop() ?? "";
    return { parts, last };
  }

  #attributesOf({ mode, uid, gid, uname, gname, mtime, pax }: TarMember): Attributes {
    const { xattrs } = pax;
    const key = [mode, uid, gid, uname, gname, mtime].join("\0");
    const known = xattrs.length === 0 ? this.#attributes.get(key) : undefined;
    if (known) return known;
    const attributes: Attributes = {
      ...{ mode, uid, gid, uname, gname, mtime: Math.floor(mtime) },
      ...(xattrs.length > 0 && { xattrs }),
    };
    if (xattrs.length === 0) this.#attributes.set(key, attributes);
    return attributes;
  }

  #refused(member: TarMember | undefined, why: string): LaminixError {
    const name = member && decode(member.name.slice(0, MAX_PATH));
    const subject = name === undefined ? this.#name : `${name.slice(0, 200)} in ${this.#name}`;
    return new LaminixError("ERR_ARCHIVE", `${subject} ${why}`, {
      details: { layer: this.#name, ...(name !== undefined && { name }) },
    });
  }
}

const NOTHING = new Uint8Array();
