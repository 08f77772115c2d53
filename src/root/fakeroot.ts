/**
 * fakeRootCommands: bash under `fakeroot`, which remembers owners, devices and attributes for as long as the session
 * lasts, so that the tar is made in it too. With the root of the image at `/` it is all inside `proot`.
 */
import { constants } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { isAccessible } from "../files/optionalFile.js";
import { shellQuoted } from "../process/shell.js";
import { folderAt } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";
import { BASH, runScript, type Script, type ScriptOptions } from "./scripts.js";

/** Of the tar that a root on the disk is read from: names in order, owners by number, and attributes that mean the same elsewhere. */
export const TAR_OPTIONS: readonly string[] = [
  ...["--create", "--format=pax", "--sort=name", "--numeric-owner", "--hard-dereference"],
  ...["--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"],
];

export interface SessionOptions extends ScriptOptions {
  readonly storeDir: string;
  /** Where the store's files are, which for a chroot store is elsewhere. */
  readonly realStoreDir: string;
  /** Is given what is to be closed when the tree is no longer read. */
  readonly adopt: (resource: Disposable) => void;
}

export interface Session {
  readonly root: FolderNode;
  readonly script: Script;
  /** Temporary; has the script, and is where the tar goes. */
  readonly folder: string;
  /** The root on the disk. */
  readonly disk: string;
  readonly tar: string;
  readonly enableFakechroot: boolean;
}

/** Runs the script, then tar, in one session. Arguments: a file for the exit code, tar's, the root, the script. */
const SESSION = [
  'ended=$1 tar=$2 root=$3 script=$4; shift 4; cd "$root"',
  `bash -c ${shellQuoted(BASH)} bash "$script" &&`,
  `  tar ${TAR_OPTIONS.map(shellQuoted).join(" ")} "$@" --file="$tar" --directory="$root" .`,
  'code=$?; echo $code > "$ended"; exit $code',
].join("\n");

export const FAKEROOT_HINT =
  "fakeRootCommands runs under fakeroot: install it, or use perms, which needs no program";

export const PROOT_HINT = "enableFakechroot needs proot: install it";

/** @throws {LaminixError} ERR_SCRIPT, ERR_PROGRAM, ERR_UNSUPPORTED */
export async function fakerootSession(session: Session, options: SessionOptions): Promise<void> {
  const { script, folder, disk, tar } = session;
  const exitCodeFile = join(folder, "exit-code");
  if (session.enableFakechroot) {
    await runInProot(session, { ...options, exitCodeFile });
    return;
  }
  const args = ["--", "bash", "-c", SESSION, "bash", exitCodeFile, tar, disk, script.file];
  await runScript(script, "fakeroot", args, { ...options, folder, cwd: disk, hint: FAKEROOT_HINT });
}

/** Places of the host, or its own, that a program in proot finds in the image's root. */
const BOUND = ["/dev", "/proc", "/sys"];

async function runInProot(
  { root, script, folder, disk, tar }: Session,
  options: SessionOptions & { readonly exitCodeFile: string },
): Promise<void> {
  const { storeDir, realStoreDir, exitCodeFile } = options;
  const path = pathInside(root, storeDir);
  const binds = [...BOUND, `${realStoreDir}:${storeDir}`, folder];
  const excluded = [...BOUND, storeDir, folder].map((place) => `--exclude=.${place}`);
  const args = [
    ...["-r", disk, ...binds.flatMap((bind) => ["-b", bind]), "-w", "/"],
    ...["fakeroot", "--", "bash", "-c", SESSION, "bash", exitCodeFile, tar, "/", script.file, ...excluded],
  ];
  await runScript(script, "proot", args, {
    ...options,
    folder,
    cwd: disk,
    env: { PATH: path, HOME: "/" },
    hint: PROOT_HINT,
  });
}

/**
 * Where programs are looked for when the image's root is at `/`: in the store, which is there too, and in the image.
 * @throws {LaminixError} ERR_UNSUPPORTED where a program that is needed is in neither
 */
function pathInside(root: FolderNode, storeDir: string): string {
  const inStore = (process.env.PATH ?? "").split(":").filter((folder) => folder.startsWith(`${storeDir}/`));
  const inImage = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  const isInStore = (program: string): boolean => inStore.some((folder) => isProgram(join(folder, program)));
  const isInImage = (program: string): boolean =>
    inImage.some((folder) => folderAt(root, folder)?.folder.children.has(program) ?? false);
  // Debian's fakeroot is a script; where one of its programs is missing, it leaves a process behind that never ends.
  const helpers = isInStore("fakeroot") ? [] : ["cut", "getopt", "sed"];
  for (const program of ["bash", "fakeroot", "tar", ...helpers]) {
    if (isInStore(program) || isInImage(program)) continue;
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `enableFakechroot needs ${program} where the image's root is at /: in the store, or in the image`,
      {
        details: { program },
        hint: `put a folder of ${storeDir} that has ${program} into PATH, or a package with it into contents`,
      },
    );
  }
  return [...inStore, ...inImage].join(":");
}

function isProgram(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}
