/** The store that scripts use without opening one. */
import { NixStore } from "./nixStore.js";

/** The store that `auto` finds: `NIX_REMOTE`, the daemon's usual socket, or a `nix-daemon` started for it. */
export const nixStore: NixStore = new NixStore("auto");
