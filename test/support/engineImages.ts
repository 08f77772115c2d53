/** Images that run, small enough to be loaded again and again. */
import { readFileSync } from "node:fs";
import { type ArchivePart, tarOf } from "./images.js";

/** A layer with a shell. */
export function shellLayer(): Promise<Buffer> {
  const name = "bin/busybox";
  return tarOf([
    { name, body: readFileSync("/bin/busybox"), mode: 0o755, mtime: new Date(1000) },
    { name: "bin/sh", type: "symlink", linkname: "busybox", mtime: new Date(1000) },
  ]);
}

/** Runs what its layers say: the last one that has a file `/says`. */
export const SAYS = { Cmd: ["/bin/busybox", "cat", "/says"] };

/** A layer with `/says` in it, and a file of so many bytes. */
export function sayingLayer(text: string, size = 1000): Promise<Buffer> {
  const mtime = new Date(1000);
  return tarOf([
    { name: "says", body: `${text}\n`, mtime },
    { name: `padding-${text}`, body: Buffer.alloc(size, text), mtime },
  ]);
}

/** An image of a shell and of layers, of which the uppermost has the word. */
export async function sayingImage(
  tags: readonly string[],
  ...layers: readonly Buffer[]
): Promise<ArchivePart> {
  return { layers: [await shellLayer(), ...layers], config: SAYS, tags };
}
