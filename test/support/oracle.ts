import { createHash } from "node:crypto";
import path from "node:path";
import { mustRun, type RunOptions } from "./run.js";

const script = path.join(import.meta.dirname, "reference_stream.py");
// Names that are not UTF-8 must reach Python's tarfile as they are, whatever the locale.
const options: RunOptions = { env: { PYTHONUTF8: "1" }, timeout: 600_000 };

/** The archive that nixpkgs' streamLayeredImage prints for a conf.json. */
export async function referenceStream(conf: string): Promise<Buffer> {
  return (await mustRun("python3", [script, conf], options)).stdout;
}

/** The same for archives too large to hold. */
export async function referenceDigest(conf: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  const onStdout = (chunk: Buffer): void => {
    hash.update(chunk);
    size += chunk.length;
  };
  await mustRun("python3", [script, conf], { ...options, onStdout });
  return { sha256: hash.digest("hex"), size };
}
