/**
 * The numbers of an ext4 file system as it is made here: no journal, no checksums, and all tables in one piece before the
 * data. Format: the Linux kernel's documentation, "ext4 Data Structures and Algorithms".
 */
export const BLOCK_SIZE = 4096;
export const INODE_SIZE = 256;
/** A bitmap is one block. */
export const BLOCKS_PER_GROUP = BLOCK_SIZE * 8;
export const DESCRIPTOR_SIZE = 32;
export const SUPERBLOCK_AT = 1024;
export const MAGIC = 0xef53;
export const ROOT_INODE = 2;
/** Inodes below are the file system's own. */
export const FIRST_INODE = 11;

export const COMPAT = { EXT_ATTR: 0x8, DIR_INDEX: 0x20, SPARSE_SUPER2: 0x200 } as const;
export const INCOMPAT = { FILETYPE: 0x2, EXTENTS: 0x40, FLEX_BG: 0x200 } as const;
export const RO_COMPAT = { LARGE_FILE: 0x2, DIR_NLINK: 0x20, EXTRA_ISIZE: 0x40 } as const;

/** Of an inode: its blocks are told by extents. */
export const EXTENTS_FLAG = 0x80000;
export const EXTENT_MAGIC = 0xf30a;
/** Blocks of an extent at the most; a larger number stands for one that is all zeros. */
export const MAX_EXTENT = 32768;
/** Extents that an inode has room for. */
export const INODE_EXTENTS = 4;
/** Extents that a block has room for. */
export const BLOCK_EXTENTS = Math.floor((BLOCK_SIZE - 12) / 12);

/** What an inode's mode says that it is. */
export const FORMATS = {
  fifo: 0x1000,
  character: 0x2000,
  directory: 0x4000,
  block: 0x6000,
  file: 0x8000,
  symlink: 0xa000,
} as const;
export type Format = keyof typeof FORMATS;
/** The same in a directory. */
export const FILE_TYPES: Readonly<Record<Format, number>> = {
  file: 1,
  directory: 2,
  character: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
};

/** A link's target that is not longer is in the inode. */
export const FAST_SYMLINK = 59;

/** Where the parts of a file system are, in blocks. */
export interface Geometry {
  readonly blocks: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly descriptors: number;
  readonly blockBitmaps: number;
  readonly inodeBitmaps: number;
  readonly inodeTables: number;
  readonly inodeTableBlocks: number;
  /** The first block that a file can have. */
  readonly data: number;
}

/** Bytes of the disk for each inode, where there is room for more than is on it. */
const BYTES_PER_INODE = 8192;
const INODES_PER_BLOCK = BLOCK_SIZE / INODE_SIZE;

/**
 * @param inodes how many there are at the least
 * @param data how many blocks of files there are at the least
 * @param size of the file system in blocks, where it is to be larger than that
 */
export function geometryFor(inodes: number, data: number, size = 0): Geometry {
  // Tables take room, which takes tables.
  for (let blocks = Math.max(size, data + 16); ;) {
    const groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
    const room = size > 0 ? Math.floor((size * BLOCK_SIZE) / BYTES_PER_INODE) : 0;
    const perGroup = Math.ceil(Math.max(inodes, room) / groups / INODES_PER_BLOCK) * INODES_PER_BLOCK;
    const inodesPerGroup = Math.min(perGroup, BLOCKS_PER_GROUP);
    const descriptors = 1;
    const blockBitmaps = descriptors + Math.ceil((groups * DESCRIPTOR_SIZE) / BLOCK_SIZE);
    const inodeBitmaps = blockBitmaps + groups;
    const inodeTables = inodeBitmaps + groups;
    const inodeTableBlocks = (inodesPerGroup * INODE_SIZE) / BLOCK_SIZE;
    const first = inodeTables + groups * inodeTableBlocks;
    const wanted = Math.max(
      first + data,
      inodes > inodesPerGroup * groups ? (groups + 1) * BLOCKS_PER_GROUP : 0,
    );
    if (wanted <= blocks) {
      return {
        ...{ blocks, groups, inodesPerGroup, descriptors, blockBitmaps, inodeBitmaps, inodeTables },
        ...{ inodeTableBlocks, data: first },
      };
    }
    if (size > 0) return geometryFor(inodes, data, wanted);
    blocks = wanted;
  }
}
