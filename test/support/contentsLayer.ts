import { joinContents } from "../../dist/root/contents.js";
import type { Layer } from "../../dist/image/layer.js";
import { TreeLayer } from "../../dist/image/treeLayer.js";
import type { PathFiles } from "../../dist/nar/source.js";

/** The base name of a store path. */
export function hashed(name: string): string {
  return `${"0".repeat(32)}-${name}`;
}

/** The layer that joins contents, all of which count as store paths of /nix/store where they are in it. */
export function contentsLayer({
  contents,
  locate,
  onConflict,
  copies = false,
}: {
  readonly contents: readonly string[];
  readonly locate: (path: string) => PathFiles;
  readonly onConflict?: (path: string, kept: string) => void;
  /** Whether they are copied, not linked. */
  readonly copies?: boolean;
}): Layer {
  const kind = "store" as const;
  const listed = contents.map((path) => ({ kind, path: path as never }));
  const storeDir = contents[0]?.slice(0, contents[0].lastIndexOf("/")) ?? "/nix/store";
  return new TreeLayer({
    kind: "root",
    sources: contents,
    mtime: 1,
    tree: () =>
      joinContents(
        {
          contents: copies ? [] : listed,
          copies: copies ? listed : [],
          links: "follow",
          owner: { uid: 0, gid: 0, uname: "", gname: "" },
        },
        { storeDir, locate, narHash: () => undefined, onConflict, adopt: () => undefined },
      ),
  });
}
