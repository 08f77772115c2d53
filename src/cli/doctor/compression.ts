/** What compresses, and programs that decompress; Node itself reads gzip and Brotli. */
import { decoderProgram } from "../../compress/decompress.js";
import { nativeEncoders } from "../../compress/native.js";
import { installHint } from "../../compress/program.js";
import { inPath } from "../../files/inPath.js";
import { type Check, type Found, ok } from "./check.js";

const USES = {
  zstd: "reading layers and archives with zstd, kernel modules",
  xz: "NARs of binary caches, archives and kernel modules with xz",
  bzip2: "archives with bzip2",
} as const;

export const encoders: Check = {
  feature: "encoders",
  neededFor: "layers and files with gzip and zstd",
  look: (): Found => {
    const { libdeflate, zstd } = nativeEncoders("compress layers with --layer-encoder zlib").encoders;
    return ok(`libdeflate ${libdeflate}, zstd ${zstd}`);
  },
};

export const decoders: readonly Check[] = (["zstd", "xz", "bzip2"] as const).map((name) => ({
  feature: name,
  neededFor: USES[name],
  look: (): Found => {
    const decoder = decoderProgram(name);
    const file = decoder && inPath(decoder.program);
    if (decoder === undefined || file !== undefined) return ok(file ?? "in Node");
    const todo = installHint(decoder);
    const found = `${decoder.program} is not in PATH`;
    return { status: "missing", found, todo };
  },
}));
