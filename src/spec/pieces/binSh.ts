import { requireAbsolutePath } from "./checks.js";
import type { Piece } from "./piece.js";

/**
 * `/bin/sh`, for scripts and for `system()` of C.
 * @param shell the program, such as `/nix/store/…-bash-5.2/bin/bash`
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function binSh(shell: string): Piece {
  requireAbsolutePath(shell, "shell");
  return { files: { "/bin/sh": { link: shell } } };
}
