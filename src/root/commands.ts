/** A root as a spec's commands leave it. */
import { chmodSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { toByteString } from "../bytes/byteString.js";
import { OpenArchive } from "../files/openArchive.js";
import { TemporaryFolder } from "../files/temporary.js";
import { run } from "../process/run.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import { writeTree } from "../tree/disk.js";
import type { FolderNode } from "../tree/node.js";
import { withoutTimes } from "../tree/times.js";
import { fakerootSession, type SessionOptions, TAR_OPTIONS } from "./fakeroot.js";
import { BASH, runScript, scriptFile } from "./scripts.js";

export interface Commands {
  readonly extraCommands: string;
  readonly fakeRootCommands: string;
  readonly enableFakechroot: boolean;
}

/**
 * Writes the root to a temporary folder, runs the commands in it, and reads it again; the folder is gone by then. The
 * tree that was given is not to be used any more.
 * @throws {LaminixError} ERR_SCRIPT, ERR_PROGRAM, ERR_UNSUPPORTED, ERR_FILE_WRITE
 */
export async function rootAfter(
  root: FolderNode,
  { extraCommands, fakeRootCommands, enableFakechroot }: Commands,
  options: SessionOptions,
): Promise<FolderNode> {
  using temporary = new TemporaryFolder();
  const folder = temporary.path;
  const disk = join(folder, "root");
  const tar = join(folder, "root.tar");
  mkdirSync(disk);
  chmodSync(disk, root.attributes.mode | 0o700); // whatever the umask is
  await writeTree(root, toByteString(disk), options);
  if (extraCommands !== "") {
    const script = scriptFile(folder, "extraCommands", extraCommands);
    await runScript(script, "bash", ["-c", BASH, "bash", script.file], { ...options, folder, cwd: disk });
  }
  if (fakeRootCommands !== "") {
    const script = scriptFile(folder, "fakeRootCommands", fakeRootCommands);
    await fakerootSession({ root, script, folder, disk, tar, enableFakechroot }, options);
  } else {
    const owners = ["--owner=0", "--group=0"];
    await run("tar", [...TAR_OPTIONS, ...owners, `--file=${tar}`, `--directory=${disk}`, "."], {
      hint: "the image's files are read with GNU tar: install it",
      ...(options.signal && { signal: options.signal }),
    });
  }
  const archive = new OpenArchive(openSync(tar, "r"));
  options.adopt(archive);
  const after = emptyRoot();
  await applyLayer(after, archive, "the image's root", { whiteouts: "keep", signal: options.signal });
  return withoutTimes(after);
}
