/** The zstd that Node has from 22.15 and 23.8 on. */
import * as zlib from "node:zlib";

export interface NodeZstd {
  readonly constants: Readonly<Record<"ZSTD_c_compressionLevel" | "ZSTD_c_checksumFlag", number>>;
  zstdCompressSync(
    bytes: Uint8Array,
    options: {
      readonly chunkSize: number;
      readonly pledgedSrcSize: number;
      readonly params: Readonly<Record<number, number>>;
    },
  ): Uint8Array;
}

export function zstdOfNode(): NodeZstd | undefined {
  const { zstdCompressSync } = zlib as { readonly zstdCompressSync?: unknown };
  return zstdCompressSync === undefined ? undefined : (zlib as unknown as NodeZstd);
}
