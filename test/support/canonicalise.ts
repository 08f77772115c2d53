import { chmodSync, lchownSync, lstatSync, lutimesSync, readdirSync } from "node:fs";

/** What Nix does to every path it takes in: time stamp 1, mode 0444 or 0555. */
export function canonicalise(top: string): void {
  forEachEntry(Buffer.from(top), (place) => {
    const info = lstatSync(place);
    if (!info.isSymbolicLink()) chmodSync(place, info.isDirectory() || info.mode & 0o111 ? 0o555 : 0o444);
    lutimesSync(place, 1, 1);
  });
}

/** Gives a whole tree to a user. */
export function ownTree(top: string, owner: { readonly uid: number; readonly gid: number }): void {
  forEachEntry(Buffer.from(top), (place) => {
    lchownSync(place, owner.uid, owner.gid);
  });
}

/** Children before their folder. Names are bytes: a store path may hold some that are no UTF-8. */
function forEachEntry(place: Buffer, visit: (place: Buffer) => void): void {
  if (lstatSync(place).isDirectory()) {
    for (const name of readdirSync(place, { encoding: "buffer" })) {
      forEachEntry(Buffer.concat([place, Buffer.from("/"), name]), visit);
    }
  }
  visit(place);
}
