/** The addon's columns as a closure's. */
import type { ClosureColumns } from "./closure.js";
import type { NativeClosure } from "./native.js";
import type { StorePath } from "./storePath.js";

export function fromNative(native: NativeClosure, storeDir: string): ClosureColumns {
  const names = texts(native.names, native.nameOffsets);
  const derivers = texts(native.derivers, native.deriverOffsets);
  const cas = texts(native.cas, native.caOffsets);
  const signatures = texts(native.signatures, native.signatureOffsets);
  return {
    count: native.count,
    references: { offsets: native.referenceOffsets, targets: native.references },
    path: (row) => `${storeDir}/${names(row)}` as StorePath,
    narHash: (row) =>
      `sha256-${Buffer.from(native.narHashes.subarray(row * 32, row * 32 + 32)).toString("base64")}`,
    narSize: (row) => native.narSizes[row] ?? 0,
    info: (row) => {
      const [from = 0, to = 0] = native.signatureRows.subarray(row, row + 2);
      const deriver = derivers(row);
      const ca = cas(row);
      return {
        registrationTime: native.registrationTimes[row] ?? 0,
        ultimate: native.ultimate[row] === 1,
        signatures: Array.from({ length: to - from }, (_, i) => signatures(from + i)),
        ...(deriver !== "" && { deriver: deriver as StorePath }),
        ...(ca !== "" && { ca }),
      };
    },
  };
}

function texts(bytes: Uint8Array, offsets: Uint32Array): (row: number) => string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => buffer.toString("utf8", offsets[row], offsets[row + 1]);
}

/** Bytes that the columns take. */
export function sizeOf(native: NativeClosure): number {
  const columns = Object.values(native).filter((column) => ArrayBuffer.isView(column));
  return columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
