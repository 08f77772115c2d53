/** A tree as a file system of ext4 in a file, with no help from any program. */
import { ftruncateSync } from "node:fs";
import { LaminixError } from "../../errors.js";
import { OpenFile } from "../../files/openFile.js";
import { Pauses } from "../../files/pauses.js";
import { changed } from "../../files/walk.js";
import type { Body, FolderNode } from "../../tree/node.js";
import type { ListOptions } from "../../tree/listing.js";
import { BlockWriter, writeAt } from "./blockWriter.js";
import { extentsOf, extentTree } from "./extents.js";
import { folderBytes } from "./folders.js";
import { writeInode } from "./inodes.js";
import { inventoryOf, type Item } from "./inventory.js";
import { BLOCK_SIZE, geometryFor, INODE_SIZE } from "./layout.js";
import { superstructure } from "./superstructure.js";

export interface DiskOptions extends ListOptions {
  /** Bytes of the file system, where it is to have room for more than the tree; what nothing is in takes no room here. */
  readonly size?: number;
  /** Unix seconds, of what has no time of its own. */
  readonly mtime: number;
}

/**
 * @param fd an open, empty file
 * @throws {LaminixError} ERR_MACHINE_DISK where the tree needs more than `size`; ERR_FILE_READ, ERR_FILE_CHANGED,
 *   ERR_FILE_WRITE, ERR_UNSUPPORTED, and what reading a store path throws
 */
export async function writeFileSystem(fd: number, root: FolderNode, options: DiskOptions): Promise<void> {
  const { size = 0, mtime, signal } = options;
  const inventory = await inventoryOf(root, options);
  const blocks = Math.floor(size / BLOCK_SIZE);
  const geometry = geometryFor(inventory.last, inventory.blocks, blocks);
  if (size > 0 && geometry.blocks > blocks) throw tooSmall(size, geometry.blocks * BLOCK_SIZE);
  ftruncateSync(fd, geometry.blocks * BLOCK_SIZE);
  const pauses = new Pauses(signal);
  const writer = new BlockWriter(fd, geometry.data);
  const table = Buffer.alloc(inventory.last * INODE_SIZE);
  for (const item of inventory.items) {
    if (pauses.isDue() || item.size > LARGE) await pauses.take();
    const extents = extentsOf(writer.block, item.blocks);
    writeContents(item, writer);
    writeInode(table, {
      ...{ item, mtime },
      extents: extentTree(extents, (block) => writer.put(block)),
      attributes: item.attributes && writer.put(item.attributes),
    });
  }
  writer.flush();
  writeAt(fd, table, geometry.inodeTables * BLOCK_SIZE);
  for (const { at, bytes } of superstructure(inventory, geometry, writer.block)) writeAt(fd, bytes, at);
}

/** Bytes of a file before which the rest of the process has its turn. */
const LARGE = 1 << 22;

function writeContents(item: Item, writer: BlockWriter): void {
  const { node, blocks } = item;
  if (blocks === 0) return;
  if (node.type === "directory") {
    const names = [
      { name: ".", inode: item.inode, format: "directory" },
      { name: "..", inode: item.parent, format: "directory" },
      ...item.children.map(([name, child]) => ({ name, inode: child.inode, format: child.node.type })),
    ] as const;
    writer.put(folderBytes(names, blocks));
  } else if (node.type === "symlink") writer.put(Buffer.from(node.target, "latin1"));
  else if (node.type === "file") writeBody(node.body, item.size, writer);
}

function writeBody(body: Body, size: number, writer: BlockWriter): void {
  if ("bytes" in body) writer.put(body.bytes);
  else if ("disk" in body) writeFile(body.disk, size, writer);
  else {
    const { source, offset } = body;
    let done = 0;
    writer.fill(size, (room, length) => {
      const got = source.read(room, length, offset + done);
      if (got === 0) throw new LaminixError("ERR_ARCHIVE", "an archive became shorter while it was read");
      done += got;
      return got;
    });
  }
}

function writeFile(disk: string, size: number, writer: BlockWriter): void {
  const file = OpenFile.open(disk);
  try {
    if (file.stats.size !== size) throw changed(disk, "its size changed");
    writer.fill(size, (room, length) => file.read(room, 0, length));
    file.requireUnchanged();
  } finally {
    file.close();
  }
}

function tooSmall(size: number, needed: number): LaminixError {
  const have = Math.ceil(needed / (1 << 20));
  return new LaminixError(
    "ERR_MACHINE_DISK",
    "what is copied to the image's root does not fit on the virtual machine's disk",
    { details: { size, needed }, hint: `make diskSize larger: that alone takes ${String(have)} MiB` },
  );
}
