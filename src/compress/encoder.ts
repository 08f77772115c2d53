/** What compressed bytes follow from, beside the plain ones: for keys under which their digests are remembered. */
import { cpus } from "node:os";
import { run } from "../process/run.js";
import type { CompressOptions, Compressor } from "./compressors.js";
import { GZIP_LEVEL } from "./gzip.js";
import { zstdOfNode } from "./nodeZstd.js";
import { ZSTD_LEVEL } from "./zstd.js";

/** Changes when the plain bytes are cut into other chunks than before. */
const FORMAT = 1;

let zstdProgram: Promise<string | undefined> | undefined;

/**
 * The encoder with its version and its level. The same name, the same bytes; `undefined` where there is none to ask.
 * zlib takes other ways on other processors, so theirs is part of its name.
 */
export async function encoderName(
  compressor: Exclude<Compressor, "none">,
  { level }: Pick<CompressOptions, "level"> = {},
): Promise<string | undefined> {
  if (compressor === "gz") {
    const processor = `${process.arch} ${cpus()[0]?.model ?? ""}`;
    return `gz ${String(FORMAT)} zlib ${process.versions.zlib} ${processor} level ${String(level ?? GZIP_LEVEL)}`;
  }
  const version = zstdOfNode() ? nodeVersion() : await (zstdProgram ??= programVersion());
  return version && `zstd ${String(FORMAT)} ${version} level ${String(level ?? ZSTD_LEVEL)}`;
}

function nodeVersion(): string {
  const { zstd = process.version } = process.versions as { readonly zstd?: string };
  return `node ${zstd}`;
}

async function programVersion(): Promise<string | undefined> {
  try {
    return (await run("zstd", ["--version"])).stdout.toString().trim();
  } catch {
    return undefined; // compressing will tell why
  }
}
