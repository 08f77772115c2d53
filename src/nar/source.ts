/** Where the files of a store path come from. */
import type { BorrowedBytes } from "../bytes/bytes.js";
import { LaminixError } from "../errors.js";
import type { NarIdentity } from "./verify.js";

/** A path whose files are not on this disk but in a NAR. */
export interface NarSource extends NarIdentity {
  /**
   * The NAR from its start, every time. Whoever reads it checks it against hash and size.
   */
  nar(options?: { readonly signal?: AbortSignal | undefined }): BorrowedBytes;
}

/** A path's files: a place on this disk, or a NAR. Both make the same layer, byte for byte. */
export type PathFiles = { readonly disk: string } | NarSource;

/**
 * What a layer is remembered by are the hashes of the closure, so a source must not have others.
 * @param known SRI; unless it is known, the source's own word is taken
 * @throws {LaminixError} ERR_NAR_HASH
 */
export function requireNarHash({ narHash }: NarSource, path: string, known: string | undefined): void {
  if (known === undefined || known === narHash) return;
  throw new LaminixError(
    "ERR_NAR_HASH",
    `the NAR of ${path} is said to have the hash ${narHash}, not ${known}`,
    {
      details: { path, narHash: known, actualHash: narHash },
    },
  );
}
