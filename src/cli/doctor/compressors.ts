/** Compressions that need a program. Node itself has gzip and Brotli. */
import { decoderProgram } from "../../compress/decompress.js";
import { zstdOfNode } from "../../compress/nodeZstd.js";
import { installHint } from "../../compress/program.js";
import { inPath } from "../../files/inPath.js";
import { type Check, type Found, ok } from "./check.js";

const USES = {
  zstd: "layers and archives with zstd, kernel modules",
  xz: "NARs of binary caches, archives and kernel modules with xz",
  bzip2: "archives with bzip2",
} as const;

export const compressors: readonly Check[] = (["zstd", "xz", "bzip2"] as const).map((name) => ({
  feature: name,
  neededFor: USES[name],
  look: (): Found => {
    const decoder = decoderProgram(name);
    const file = decoder && inPath(decoder.program);
    if (decoder === undefined || file !== undefined) return ok(file ?? "in Node");
    const todo = installHint(decoder);
    const found = `${decoder.program} is not in PATH`;
    if (name !== "zstd" || !zstdOfNode()) return { status: "missing", found, todo };
    return { status: "limited", found: `${found}: Node writes zstd, but does not read it`, todo };
  },
}));
