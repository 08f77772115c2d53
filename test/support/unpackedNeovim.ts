/** Where the Neovim of another Debian release is. */
import path from "node:path";
import { projectRoot } from "./run.js";

export type NeovimRelease = "installed" | "trixie" | "sid";

/** The program, which the set-up script unpacks. */
export function unpackedNeovim(release: Exclude<NeovimRelease, "installed">): string {
  return path.join(projectRoot, `.cache/neovim-${release}/bin/nvim`);
}
