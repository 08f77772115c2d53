/** What is in a store path: the names, not the contents. */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { fsPath, toByteString } from "../files/byteString.js";
import { reading } from "../files/walk.js";
import { narBatches } from "../nar/read.js";
import type { NarSource, PathFiles } from "../nar/source.js";
import { verifyNar } from "../nar/verify.js";
import type { LayerOptions } from "./layer.js";

/** Names and targets are byte strings. */
export type Listed =
  | { readonly type: "file" }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "directory"; children(): Iterable<readonly [name: string, child: Listed]> };

const FILE: Listed = { type: "file" };

/**
 * The top of a path's tree. On the disk it is looked for as it is asked for; a NAR is read once.
 * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ; ERR_NAR, ERR_NAR_HASH; ERR_UNSUPPORTED for a NAR of a link
 */
export async function list(path: string, files: PathFiles, options: LayerOptions): Promise<Listed> {
  if (!("disk" in files)) return listNar(path, files, options);
  const disk = toByteString(files.disk);
  // A path that is a link counts as what it leads to.
  return reading(disk, () => statSync(fsPath(disk))).isDirectory() ? folderOnDisk(disk) : FILE;
}

function folderOnDisk(disk: string): Listed {
  return {
    type: "directory",
    *children() {
      const entries = reading(disk, () =>
        readdirSync(fsPath(disk), { encoding: "latin1", withFileTypes: true }),
      );
      for (const entry of entries) {
        const inner = `${disk}/${entry.name}`;
        if (entry.isDirectory()) yield [entry.name, folderOnDisk(inner)];
        else if (entry.isSymbolicLink()) yield [entry.name, { type: "symlink", target: targetOf(inner) }];
        else yield [entry.name, FILE];
      }
    },
  };
}

function targetOf(disk: string): string {
  return reading(disk, () => readlinkSync(fsPath(disk), { encoding: "latin1" }));
}

async function listNar(path: string, source: NarSource, { signal }: LayerOptions): Promise<Listed> {
  const folders = new Map<string, Map<string, Listed>>();
  let top: Listed = FILE;
  const stream = verifyNar(source.nar({ signal }), source, { signal, name: path });
  for await (const events of narBatches(stream, { name: path })) {
    for (const event of events) {
      if (event.type === "contents") continue;
      const listed =
        event.type === "regular" ? FILE : event.type === "symlink" ? event : folderInNar(event.path);
      const slash = event.path.lastIndexOf("/");
      if (event.path === "") top = listed;
      else folders.get(event.path.slice(0, Math.max(0, slash)))?.set(event.path.slice(slash + 1), listed);
    }
  }
  if (top.type !== "symlink") return top;
  throw new LaminixError("ERR_UNSUPPORTED", `${path} is a symbolic link that is not on this disk`, {
    details: { path, target: top.target },
    hint: "name what it links to among the contents in its place",
  });

  function folderInNar(folder: string): Listed {
    const children = new Map<string, Listed>();
    folders.set(folder, children);
    return { type: "directory", children: () => children };
  }
}
