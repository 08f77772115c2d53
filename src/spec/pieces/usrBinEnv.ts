import { requireAbsolutePath, withoutSlashes } from "./checks.js";
import type { Piece } from "./piece.js";

/**
 * `/usr/bin/env`, which scripts begin with.
 * @param coreutils a package with `bin/env`, or the path of an `env` itself
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function usrBinEnv(coreutils: string): Piece {
  requireAbsolutePath(coreutils, "coreutils");
  const path = withoutSlashes(coreutils);
  return { files: { "/usr/bin/env": { link: path.endsWith("/env") ? path : `${path}/bin/env` } } };
}
