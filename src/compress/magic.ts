/** What bytes are, by how they begin. */
import { LaminixError } from "../errors.js";
import type { Compression } from "./compressions.js";

/** Bytes that are needed to tell. */
export const MAGIC_BYTES = 512;

/** In hexadecimal: RFC 1952, section 2.3.1; RFC 8878, section 3.1; "The .xz File Format", section 2.1.1.1; bzip2's manual. */
const READ: readonly (readonly [Compression, RegExp])[] = [
  ["gzip", /^1f8b/],
  // A skippable frame may come first; pzstd writes one.
  ["zstd", /^(?:28b52ffd|5[0-9a-f]2a4d18)/],
  ["xz", /^fd377a585a00/],
  ["bzip2", /^425a683[1-9]/],
];

const NOT_READ: readonly (readonly [string, RegExp])[] = [
  ["zstd as it was before version 0.8", /^(?:1e|2[2-7])b52ffd/],
  ["lz4", /^0(?:4224d|2214c)18/],
  ["lzma", /^5d0000/],
  ["lzip", /^4c5a4950/],
  ["lzop", /^894c5a4f/],
  ["compress", /^1f9d/],
  ["zip", /^504b0304/],
  ["7z", /^377abcaf271c/],
];

/**
 * How something is compressed, `none` for a tar; `undefined` where nothing tells.
 * @param name what it is called in errors
 * @throws {LaminixError} ERR_UNSUPPORTED for what is known and not read
 */
export function sniffed(head: Uint8Array, name: string): Compression | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  // First of all: the name of a tar's first member may begin with anything. One without members is zeros.
  if (bytes.toString("latin1", 257, 262) === "ustar" || bytes.every((byte) => byte === 0)) return "none";
  const hex = bytes.toString("hex", 0, 8);
  const found = READ.find(([, magic]) => magic.test(hex))?.[0];
  if (found) return found;
  const [compression] = NOT_READ.find(([, magic]) => magic.test(hex)) ?? [];
  if (compression === undefined) return undefined;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `${name} is compressed with ${compression}, which is not supported`,
    {
      details: { path: name, compression },
      hint: "compress it with gzip, zstd, xz or bzip2, or not at all",
    },
  );
}
