/**
 * The database of a Nix store, for images that Nix is to be used in. Nix writes it, as its format is nobody else's
 * business; then it is made anew, so that the same closure gives the same bytes.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, copyFile, lstat, mkdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { cannotWrite } from "../files/cannotWrite.js";
import { TemporaryFolder } from "../files/temporary.js";
import { run } from "../process/run.js";
import type { Closure, PathInfo } from "../store/closure.js";
import { derivationBytes } from "../store/readDerivation.js";
import { baseName, type StorePath } from "../store/storePath.js";
import type { StoreSource } from "../store/storeSource.js";
import { type FolderNode, folderNode, linkNode, rootOwned, type TreeNode } from "../tree/node.js";

export interface NixDatabaseOptions {
  /** The folder that becomes the image's root. */
  readonly root: string;
  /** The store's directory in the image, such as `/nix/store`. */
  readonly storeDir: string;
  /** The paths that are to be valid. */
  readonly closure: Closure;
  /** Where the files of a path are: Nix looks into derivations for what they build. */
  readonly open: StoreSource["open"];
  /** Paths of the closure that the image's garbage collector is to keep. */
  readonly gcRoots: readonly StorePath[];
  /** When the paths came into the store: Unix seconds. */
  readonly time: number;
  readonly signal?: AbortSignal | undefined;
}

/** Where Nix keeps what it knows of a store, below the image's root. */
const STATE = "nix/var/nix";

/**
 * Writes `nix/var/nix/db` with all paths of a closure, and a root of the garbage collector for each path that is to be
 * kept, named as it, in `nix/var/nix/gcroots/docker`. The programs `nix-store` and `sqlite3` are run. Derivers,
 * signatures, and how a path follows from its contents are not in it: the format that Nix reads has the first, which a
 * closure need not hold, and none of the others.
 *
 * The same bytes for the same closure, by the same `nix-store` and `sqlite3`.
 * @throws {LaminixError} ERR_PROGRAM, ERR_PATH_NOT_VALID for a root that is not in the closure, ERR_GRAPH where a
 *   path's hash is not known, ERR_FILE_TYPE where the way to the database leads over a link, ERR_FILE_WRITE; for
 *   derivations in the closure also ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH
 */
export async function writeNixDatabase(options: NixDatabaseOptions): Promise<void> {
  const { root, closure, gcRoots, signal } = options;
  signal?.throwIfAborted();
  const registration = registrationOf(closure);
  for (const path of gcRoots) closure.references(path);
  // Apart from the image, which none of Nix's locks, journals and folders are to be in.
  using workshop = new TemporaryFolder();
  const made = await makeDatabase(await realpath(workshop.path), registration, options);
  await place(root, made, gcRoots);
}

/**
 * The same as a tree.
 * @throws {LaminixError} as `writeNixDatabase`
 */
export async function nixDatabaseTree(options: Omit<NixDatabaseOptions, "root">): Promise<FolderNode> {
  using folder = new TemporaryFolder();
  await writeNixDatabase({ ...options, root: folder.path });
  return { ...folderNode(), children: childrenOf(folder.path) };
}

/** What `nix-store --load-db` reads: for each path its facts, a line each, and how many references follow. */
function registrationOf(closure: Closure): string {
  const lines = [...closure].flatMap((info) => [
    info.path,
    base16(info),
    String(info.narSize),
    "", // the deriver, which is no part of the closure
    String(info.references.length),
    ...info.references,
  ]);
  return lines.map((line) => `${line}\n`).join("");
}

function base16({ path, narHash }: PathInfo): string {
  const [, digest] = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(narHash) ?? [];
  if (digest !== undefined) return Buffer.from(digest, "base64").toString("hex");
  throw new LaminixError("ERR_GRAPH", `the hash of ${path} is not known, and a Nix database needs it`, {
    details: { path, narHash },
    hint: "take the closure from a store, or from a graph with hashes, as `nix path-info -r --json` prints it",
  });
}

/** @returns the database's two files */
async function makeDatabase(
  workshop: string,
  registration: string,
  { storeDir, closure, open, time, signal }: NixDatabaseOptions,
): Promise<Readonly<Record<"database" | "schema", string>>> {
  const root = join(workshop, "root");
  const database = join(workshop, "db.sqlite");
  // Where Nix takes this store's files to be, whatever the store's directory is.
  const files = join(root, "nix/store");
  await mkdir(files, { recursive: true });
  for (const path of closure.paths.filter((each) => each.endsWith(".drv")))
    await writeFile(join(files, baseName(path)), await derivationBytes({ open }, path, { signal }));
  await writeFile(join(workshop, "nix.conf"), "build-users-group =\ngc-reserved-space = 0\n");
  const env = {
    ...withoutNix(process.env),
    HOME: workshop,
    XDG_CONFIG_HOME: workshop,
    USER: "nobody",
    NIX_CONF_DIR: workshop,
    NIX_STORE_DIR: storeDir,
    NIX_REMOTE: `local?root=${encodeURIComponent(root).replaceAll("%2F", "/")}`,
  };
  const common = { env, ...(signal && { signal }) };
  await run("nix-store", ["--load-db"], {
    ...common,
    input: registration,
    hint: "install Nix (https://nixos.org/download), or add its programs' folder to PATH; or leave includeNixDB out",
  });
  const state = join(root, STATE, "db");
  // A database made by VACUUM INTO has nothing in it of the way that it was filled, and no journal beside it.
  const sql = [
    `UPDATE ValidPaths SET registrationTime = ${String(time)};`,
    `VACUUM INTO '${database.replaceAll("'", "''")}';`,
  ];
  await run("sqlite3", ["-batch", "-bail", join(state, "db.sqlite"), sql.join("\n")], {
    ...common,
    hint: "install sqlite3 (https://sqlite.org), or add its folder to PATH; or leave includeNixDB out",
  });
  return { database, schema: join(state, "schema") };
}

/** `run` adds to this process's environment, so what is not to be there is taken away. */
function withoutNix(environment: NodeJS.ProcessEnv): Record<string, undefined> {
  const names = Object.keys(environment).filter((name) => name.startsWith("NIX_"));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

async function place(
  root: string,
  made: Readonly<Record<"database" | "schema", string>>,
  gcRoots: readonly StorePath[],
): Promise<void> {
  const state = await makeFolders(root, STATE);
  const db = await makeFolders(state, "db");
  const roots = await makeFolders(state, "gcroots/docker");
  try {
    await put(made.database, join(db, "db.sqlite"));
    await put(made.schema, join(db, "schema"));
    // Nix makes this link together with `gcroots`, and only then; without it, it would collect what profiles keep.
    await link(`/${STATE}/profiles`, join(state, "gcroots/profiles"));
    for (const path of gcRoots) await link(path, join(roots, baseName(path)));
  } catch (cause) {
    throw cause instanceof LaminixError ? cause : cannotWrite(join(root, STATE), cause);
  }
}

/**
 * Folders below one that is there.
 * @returns the innermost
 */
async function makeFolders(root: string, below: string): Promise<string> {
  let folder = root;
  for (const name of below.split("/")) {
    folder = join(folder, name);
    const there = await lstat(folder).catch(() => undefined);
    if (there?.isDirectory()) continue;
    if (there) {
      // A link could lead anywhere, into the store that the image is made from for one.
      throw new LaminixError("ERR_FILE_TYPE", `${folder} is in the way of a Nix database: it is no folder`, {
        details: { path: folder },
      });
    }
    try {
      await mkdir(folder);
      await chmod(folder, 0o755);
    } catch (cause) {
      throw cannotWrite(folder, cause);
    }
  }
  return folder;
}

/** A copy, in place of what is there; the workshop may be on another disk. */
async function put(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await copyFile(from, to);
  await chmod(to, 0o644);
}

async function link(target: string, at: string): Promise<void> {
  await rm(at, { force: true });
  await symlink(target, at);
}

function childrenOf(folder: string): Map<string, TreeNode> {
  return new Map(readdirSync(folder, "latin1").map((name) => [name, nodeOf(join(folder, name))]));
}

function nodeOf(path: string): TreeNode {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return linkNode(readlinkSync(path, "latin1"));
  const attributes = rootOwned(stats.mode & 0o777);
  if (!stats.isDirectory()) return { type: "file", attributes, body: { bytes: readFileSync(path) } };
  return { type: "directory", attributes, children: childrenOf(path) };
}
