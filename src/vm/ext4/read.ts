/** A tree read from a file system of ext4, as Linux has left it. A disk that was written to past the system is refused. */
import { LaminixError } from "../../errors.js";
import type { RandomAccess } from "../../bytes/bytes.js";
import {
  type Attributes,
  type FolderNode,
  folderNode,
  type OwnNode,
  type TreeNode,
} from "../../tree/node.js";
import { attributeRecords } from "./attributes.js";
import { type Extent, readExtents } from "./extents.js";
import { namesIn } from "./folders.js";
import { deviceOf } from "./inodes.js";
import {
  BLOCK_SIZE,
  BLOCKS_PER_GROUP,
  EXTENTS_FLAG,
  FAST_SYMLINK,
  FORMATS,
  type Format,
  INODE_SIZE,
  MAGIC,
  ROOT_INODE,
  SUPERBLOCK_AT,
} from "./layout.js";

/** Folders in one another. */
const MAX_DEPTH = 2048;
/** Bytes of a folder, or of a link's target, that are read at once. */
const MAX_WHOLE = 1 << 28;

/**
 * The root of a file system that was made by `writeFileSystem`. Files are read from the disk when they are needed.
 * @throws {LaminixError} ERR_MACHINE_DISK_DAMAGED
 */
export function readFileSystem(disk: RandomAccess): FolderNode {
  return new FileSystem(disk).root();
}

class FileSystem {
  readonly #disk: RandomAccess;
  readonly #blocks: number;
  readonly #inodesPerGroup: number;
  readonly #inodes: number;
  readonly #descriptors: Buffer;
  /** By inode: a file of several names is one node. */
  readonly #known = new Map<number, TreeNode>();

  constructor(disk: RandomAccess) {
    this.#disk = disk;
    const block = this.#read(SUPERBLOCK_AT, 1024);
    this.#inodes = block.readUInt32LE(0);
    this.#blocks = block.readUInt32LE(4);
    this.#inodesPerGroup = block.readUInt32LE(40);
    const isOurs = block.readUInt16LE(56) === MAGIC && block.readUInt32LE(24) === 2;
    if (!isOurs || block.readUInt16LE(88) !== INODE_SIZE || this.#inodesPerGroup === 0) throw damaged();
    const groups = Math.ceil(this.#blocks / BLOCKS_PER_GROUP);
    this.#descriptors = this.#read(BLOCK_SIZE, groups * 32);
  }

  root(): FolderNode {
    const root = this.#node(ROOT_INODE, 0);
    if (root.type !== "directory") throw damaged();
    return root;
  }

  #node(number: number, depth: number): OwnNode {
    const known = this.#known.get(number);
    if (known && known.type !== "store") {
      // A folder has one name.
      if (known.type === "directory") throw damaged();
      return known;
    }
    const node = this.#made(this.#inode(number));
    this.#known.set(number, node.node);
    if (node.node.type === "directory") {
      if (depth > MAX_DEPTH) throw damaged();
      for (const [name, inner] of namesIn(node.bytes()))
        node.node.children.set(name, this.#node(inner, depth + 1));
    }
    return node.node;
  }

  #made(inode: Buffer): { readonly node: OwnNode; readonly bytes: () => Buffer } {
    const format = inode.readUInt16LE(0) & 0xf000;
    const type = (Object.keys(FORMATS) as Format[]).find((each) => FORMATS[each] === format);
    const attributes = this.#attributes(inode);
    const size = inode.readUInt32LE(4) + inode.readUInt32LE(108) * 2 ** 32;
    if (!Number.isSafeInteger(size)) throw damaged();
    const bytes = (): Buffer => {
      if (size > MAX_WHOLE) throw damaged();
      return this.#file(inode, size).whole();
    };
    switch (type) {
      case undefined:
        throw damaged();
      case "directory":
        return { node: folderNode(attributes), bytes };
      case "symlink": {
        const isFast = size <= FAST_SYMLINK && (inode.readUInt32LE(32) & EXTENTS_FLAG) === 0;
        const target = isFast ? inode.subarray(40, 40 + size) : bytes();
        return { node: { type, attributes, target: target.toString("latin1") }, bytes };
      }
      case "file": {
        const body = size === 0 ? { bytes: NOTHING } : { source: this.#file(inode, size), offset: 0, size };
        return { node: { type, attributes, body }, bytes };
      }
      default: {
        const device = deviceOf(inode.readUInt32LE(44) || oldDevice(inode.readUInt32LE(40)));
        return { node: { type, attributes, ...device }, bytes };
      }
    }
  }

  #attributes(inode: Buffer): Attributes {
    const extra = inode.readUInt16LE(128);
    const block = inode.readUInt32LE(104);
    const inInode = 128 + extra + 4 <= INODE_SIZE ? inode.subarray(128 + extra) : NOTHING;
    const xattrs = [
      ...attributeRecords(inInode, "inode"),
      ...(block === 0 ? [] : attributeRecords(this.#block(block), "block")),
    ];
    return {
      mode: inode.readUInt16LE(0) & 0o7777,
      uid: inode.readUInt16LE(2) + inode.readUInt16LE(120) * 0x10000,
      gid: inode.readUInt16LE(24) + inode.readUInt16LE(122) * 0x10000,
      ...{ uname: "", gname: "" },
      mtime: inode.readInt32LE(16) + (extra >= 12 ? (inode.readUInt32LE(136) & 3) * 2 ** 32 : 0),
      ...(xattrs.length > 0 && { xattrs: xattrs.sort(([one], [other]) => (one < other ? -1 : 1)) }),
    };
  }

  #file(inode: Buffer, size: number): FileOnDisk {
    if ((inode.readUInt32LE(32) & EXTENTS_FLAG) === 0) throw damaged();
    const extents = readExtents(inode.subarray(40, 100), (block) => this.#block(block));
    if (extents.some(({ physical, length }) => physical + length > this.#blocks)) throw damaged();
    return new FileOnDisk(this.#disk, extents, size);
  }

  #inode(number: number): Buffer {
    if (number === 0 || number > this.#inodes) throw damaged();
    const group = Math.floor((number - 1) / this.#inodesPerGroup);
    if ((group + 1) * 32 > this.#descriptors.length) throw damaged();
    const table = this.#descriptors.readUInt32LE(group * 32 + 8);
    return this.#read(table * BLOCK_SIZE + ((number - 1) % this.#inodesPerGroup) * INODE_SIZE, INODE_SIZE);
  }

  #block(block: number): Buffer {
    return this.#read(block * BLOCK_SIZE, BLOCK_SIZE);
  }

  #read(at: number, length: number): Buffer {
    if (at + length > this.#disk.size) throw damaged();
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const got = this.#disk.read(bytes.subarray(done), length - done, at + done);
      if (got === 0) throw damaged();
      done += got;
    }
    return bytes;
  }
}

/** A file whose blocks are at several places; where there are none, it is zeros. */
class FileOnDisk implements RandomAccess {
  readonly size: number;
  readonly #disk: RandomAccess;
  readonly #extents: readonly Extent[];

  constructor(disk: RandomAccess, extents: readonly Extent[], size: number) {
    this.#disk = disk;
    this.#extents = extents;
    this.size = size;
  }

  read(target: Buffer, length: number, position: number): number {
    const wanted = Math.min(length, this.size - position);
    if (wanted <= 0) return 0;
    const block = Math.floor(position / BLOCK_SIZE);
    const extent = this.#extents.find((each) => block < each.logical + each.length);
    if (extent && block >= extent.logical) {
      const inExtent = position - extent.logical * BLOCK_SIZE;
      const left = extent.length * BLOCK_SIZE - inExtent;
      return this.#disk.read(target, Math.min(wanted, left), extent.physical * BLOCK_SIZE + inExtent);
    }
    const hole = extent ? extent.logical * BLOCK_SIZE - position : wanted;
    const zeros = Math.min(wanted, hole);
    target.fill(0, 0, zeros);
    return zeros;
  }

  whole(): Buffer {
    const bytes = Buffer.alloc(this.size);
    for (let done = 0; done < this.size;) {
      const got = this.read(bytes.subarray(done), this.size - done, done);
      if (got === 0) throw damaged();
      done += got;
    }
    return bytes;
  }
}

/** A device's number as inodes have it where it fits into 16 bits. */
function oldDevice(number: number): number {
  return number & 0xffff;
}

function damaged(): LaminixError {
  return new LaminixError("ERR_MACHINE_DISK_DAMAGED", "the virtual machine's disk is damaged", {
    hint: "the script must not write to the machine's disks past their file systems",
  });
}

const NOTHING = Buffer.alloc(0);
