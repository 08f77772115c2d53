/** The archive that a kernel unpacks before it starts `/init`. Format: the Linux kernel's documentation, "initramfs buffer format". */

export interface CpioEntry {
  readonly name: string;
  /** Type and permission bits. */
  readonly mode: number;
  readonly bytes?: Uint8Array;
  /** Of a device. */
  readonly device?: readonly [major: number, minor: number];
}

/** The same entries make the same bytes: they are in order, owned by root, and have no times. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const sorted = [...entries].sort((one, other) => (one.name < other.name ? -1 : 1));
  const pieces = sorted.flatMap((entry, i) => piecesOf(entry, i + 1));
  return Buffer.concat([...pieces, ...piecesOf({ name: "TRAILER!!!", mode: 0 }, 0)]);
}

const NOTHING = new Uint8Array();

function piecesOf({ name, mode, bytes = NOTHING, device = [0, 0] }: CpioEntry, inode: number): Uint8Array[] {
  const nameSize = Buffer.byteLength(name) + 1;
  const numbers = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, ...device, nameSize, 0];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}${name}\0`;
  return [Buffer.from(header), padding(Buffer.byteLength(header)), bytes, padding(bytes.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
