/** nixpkgs' `stream_layered_image.py`. */
import type { BuildOptions } from "../../planning/buildOptions.js";

export interface StreamConfOptions extends BuildOptions {
  /** `name:tag`, in place of the one in the file. */
  readonly repoTag?: string | undefined;
}

/**
 * The docker-archive in pieces; each is good until the next one is asked for.
 *
 * Where the store answers and all paths are valid in it, they are held while they are read, and digests that are known
 * for their NAR hashes are not computed again. Without a store (in a build sandbox, say) every layer is hashed.
 *
 * Layers of a docker-archive as base are passed on as they are. A base may also be an OCI layout, which nixpkgs cannot read:
 * its layers are checked, and its history is kept.
 * @param file the `conf.json`
 * @throws {LaminixError} ERR_CONF, ERR_JSON, ERR_ARCHIVE, ERR_FILE_CHANGED, ERR_FILE_READ; for a layout also ERR_DIGEST and
 *   ERR_UNSUPPORTED
 */
export async function* streamConf(file: string, options: StreamConfOptions = {}): AsyncGenerator<Uint8Array> {
  const { confPieces } = await import("./confPieces.js");
  yield* confPieces(file, options);
}
