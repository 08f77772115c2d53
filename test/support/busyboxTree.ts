import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";

const programs =
  "sh cat echo ls id pwd sleep true false env touch mkdir rm ln chmod stat readlink ps kill tty stty mount umount wget nc find grep seq dd head tail wc test";

/** Writes a package with a static busybox and links to it: for `addTree`. */
export function busyboxTree(place: string): void {
  mkdirSync(path.join(place, "bin"), { recursive: true });
  copyFileSync("/bin/busybox", path.join(place, "bin/busybox"));
  for (const name of programs.split(" ")) symlinkSync("busybox", path.join(place, "bin", name));
}
