// Zip archives that have the same bytes each time (PKWARE's APPNOTE.TXT 6.3.10).

import { crc32, deflateRawSync } from "node:zlib";

/** 1980-01-01, 00:00: the earliest that a zip can say (APPNOTE 4.4.6, MS-DOS). */
const [TIME, DATE] = [0, 0x21];
/** 2.0: the version that knows deflate. */
const VERSION = 20;
const DEFLATED = 8;
/** Names are in UTF-8 (APPNOTE 4.4.4, bit 11). */
const UTF8 = 0x800;
/** A regular file that everyone may read, as Unix has it in the upper half. */
const [UNIX, MODE] = [3 << 8, 0o100644 * 0x10000];

/**
 * @param {Readonly<Record<string, Uint8Array | string>>} files by their names, which are sorted
 * @returns {Buffer}
 */
export function zipOf(files) {
  const local = [];
  const central = [];
  let offset = 0;
  for (const name of Object.keys(files).sort()) {
    const contents = Buffer.from(files[name]);
    const packed = deflateRawSync(contents, { level: 9 });
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    [VERSION, UTF8, DEFLATED, TIME, DATE].forEach((value, i) => common.writeUInt16LE(value, 2 * i));
    [crc32(contents), packed.length, contents.length].forEach((value, i) =>
      common.writeUInt32LE(value, 10 + 4 * i),
    );
    common.writeUInt16LE(nameBytes.length, 22);
    local.push(signature(0x04034b50), common, nameBytes, packed);
    const made = Buffer.alloc(2);
    made.writeUInt16LE(UNIX | VERSION);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(MODE, 6);
    place.writeUInt32LE(offset, 10);
    central.push(signature(0x02014b50), made, common, place, nameBytes);
    offset += 4 + common.length + nameBytes.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, signature(0x06054b50), end]);
}

function signature(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
