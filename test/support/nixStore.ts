import { createHash } from "node:crypto";
import { chownSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { type Background, startInBackground } from "./background.js";
import { canonicalise, ownTree } from "./canonicalise.js";
import { type NixRelease, searchPath } from "./nixes.js";
import { mustRun, type RunOptions, type RunResult } from "./run.js";
import { removeTree, temporaryFolder } from "./temporary.js";

export interface NixStoreOptions {
  /** A folder that holds `nix/store` and `nix/var` already, or shall; it outlives the handle. */
  readonly at?: string;
  /**
   * The store's directory as the daemon names it, if not where the files are. Its paths then exist only
   * through the daemon, as those of a chroot store do.
   */
  readonly storeDir?: string;
  /**
   * Whether the daemon and its builds see the files at `storeDir` all the same, whatever else is there: as on a machine of
   * its own. Needs root.
   */
  readonly isMachine?: boolean;
  /** The user that owns the store and runs its daemon, where this process is root. */
  readonly user?: number;
  /** Whose daemon it is, and whose programs `run` runs; this machine's own unless given. */
  readonly nix?: NixRelease;
  /** Added to the daemon's environment, which is empty but for what it needs. */
  readonly daemonEnv?: Readonly<Record<string, string>>;
  /** Lines added to nix.conf. */
  readonly config?: string;
}

/** A store path to register without any file behind it, for graphs larger than anyone wants to write to a disk. */
export interface SyntheticPath {
  readonly path: string;
  /** SHA-256 in hexadecimal. */
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
  readonly deriver?: string;
}

export interface TreeOptions {
  readonly references?: readonly string[];
  readonly deriver?: string;
  /** Skips the hashing, for a file of which only the size matters. */
  readonly nar?: { readonly hash: string; readonly size: number };
}

export interface NixStore extends AsyncDisposable {
  /** The folder around `nix/store` and `nix/var`. */
  readonly root: string;
  readonly storeDir: string;
  /** Where the files are; the same as `storeDir` unless that was given. */
  readonly realStoreDir: string;
  readonly stateDir: string;
  readonly socket: string;
  /** The store as a URI: the daemon's socket. */
  readonly uri: string;
  /** What a client needs in its environment to talk to this daemon. */
  readonly env: Readonly<Record<string, string>>;
  readonly daemonPid: number;
  /** What the daemon has printed. */
  daemonLog(): string;
  stopDaemon(): Promise<void>;
  /** Starts the daemon again after `stopDaemon`, on the same socket. */
  startDaemon(): Promise<void>;
  /** The store path that `addTree` and `addTextFile` give to this name: a tree may have to name itself. */
  pathFor(name: string): string;
  /** Where a store path's files are. */
  realPath(storePath: string): string;
  /**
   * Makes a valid store path of a folder, which is copied, or of what a callback writes to the place it is given
   * (a folder, a file or a symlink; nothing is there yet). The callback may use any bytes in file names.
   */
  addTree(
    name: string,
    source: string | ((place: string) => void | Promise<void>),
    options?: TreeOptions,
  ): Promise<string>;
  addTextFile(name: string, text: string, references?: readonly string[]): Promise<string>;
  registerPaths(paths: readonly SyntheticPath[]): Promise<void>;
  /** Runs a program that talks to this store; rejects unless it succeeds. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** Starts a real Nix daemon on a store of its own. */
export async function startNixStore(options: NixStoreOptions = {}): Promise<NixStore> {
  const folder = await temporaryFolder("store");
  const { isMachine = false } = options;
  const root = options.at ?? folder.path;
  const realStoreDir = path.join(root, "nix/store");
  const storeDir = options.storeDir ?? realStoreDir;
  const stateDir = path.join(root, "nix/var/nix");
  const logDir = path.join(root, "nix/var/log/nix");
  const confDir = folder.join("conf");
  // Not in the state directory: that may be too deep for a socket's name, which ends after 107 bytes.
  const socketDir = folder.join("socket");
  const socket = path.join(socketDir, "socket");
  for (const dir of [realStoreDir, stateDir, logDir, confDir, socketDir])
    await mkdir(dir, { recursive: true });
  await writeFile(
    path.join(confDir, "nix.conf"),
    [
      // Empty means: builds run as the daemon's own user. As root, Nix would otherwise insist on a group of build users.
      "build-users-group =",
      "sandbox = false",
      "substituters =",
      "experimental-features = nix-command",
      options.config ?? "",
      "",
    ].join("\n"),
  );
  const owner =
    options.user === undefined ? undefined : { uid: options.user, gid: await primaryGroup(options.user) };
  if (owner) {
    for (const dir of [folder.path, root, path.join(root, "nix")]) chownSync(dir, owner.uid, owner.gid);
    for (const dir of [realStoreDir, path.join(root, "nix/var"), confDir, socketDir]) ownTree(dir, owner);
  }

  const directories = {
    NIX_STORE_DIR: storeDir,
    NIX_STATE_DIR: stateDir,
    NIX_LOG_DIR: logDir,
    NIX_CONF_DIR: confDir,
    NIX_DAEMON_SOCKET_PATH: socket,
  };
  const uri = `unix://${socket}`;
  const programs = { PATH: searchPath(options.nix) };
  const clientEnv = { ...directories, ...programs, NIX_REMOTE: uri };
  const serverEnv = {
    ...options.daemonEnv,
    ...directories,
    ...programs,
    HOME: folder.path,
    // For the daemon this says which store to serve, and where its files are.
    NIX_REMOTE: storeDir === realStoreDir || isMachine ? "local" : `local?real=${realStoreDir}`,
  };
  const bound = `mount --bind "$1" "$2" && exec nix-daemon`;
  const [program, ...args] = isMachine
    ? ["unshare", "--mount", "sh", "-c", bound, "sh", realStoreDir, storeDir]
    : ["nix-daemon"];
  const startDaemon = (): Promise<Background> =>
    startInBackground(program, args, {
      env: serverEnv,
      logFile: folder.join("daemon.log"),
      isReady: () => answers(socket),
      ...owner,
    });

  let daemon: Background;
  try {
    daemon = await startDaemon();
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }

  /** Straight to the store's database: a daemon registers no paths for anyone. */
  const register = async (paths: readonly SyntheticPath[]): Promise<void> => {
    const lines = paths.flatMap((info) => [
      info.path,
      info.narHash,
      String(info.narSize),
      info.deriver ?? "",
      String(info.references.length),
      ...info.references,
    ]);
    await mustRun("nix-store", ["--load-db"], {
      env: serverEnv,
      input: lines.map((line) => `${line}\n`).join(""),
      ...owner,
    });
  };

  const pathFor = (name: string): string => `${storeDir}/${hashPart(`${storeDir}:${name}`)}-${name}`;
  const realPath = (storePath: string): string => path.join(realStoreDir, path.relative(storeDir, storePath));

  const addTree: NixStore["addTree"] = async (name, source, treeOptions = {}) => {
    const storePath = pathFor(name);
    const place = realPath(storePath);
    if (typeof source === "string") {
      await cp(source, place, { recursive: true, verbatimSymlinks: true, errorOnExist: true, force: false });
    } else {
      await source(place);
    }
    if (owner) ownTree(place, owner);
    canonicalise(place);
    const nar = treeOptions.nar ?? (await narOf(place, serverEnv));
    await register([
      {
        path: storePath,
        narHash: nar.hash,
        narSize: nar.size,
        references: treeOptions.references ?? [],
        ...(treeOptions.deriver === undefined ? {} : { deriver: treeOptions.deriver }),
      },
    ]);
    return storePath;
  };

  return {
    root,
    storeDir,
    realStoreDir,
    stateDir,
    socket,
    uri,
    env: clientEnv,
    get daemonPid() {
      return daemon.pid;
    },
    daemonLog: () => daemon.log(),
    stopDaemon: () => daemon.stop(),
    startDaemon: async () => {
      await daemon.stop();
      daemon = await startDaemon();
    },
    pathFor,
    realPath,
    addTree,
    addTextFile: (name, text, references = []) =>
      addTree(name, (place) => writeFile(place, text), { references }),
    registerPaths: register,
    run: (program, args, runOptions = {}) => {
      // Another user cannot look into this one's home, where Nix's programs would.
      const home = runOptions.uid === undefined ? {} : { HOME: folder.path };
      return mustRun(program, args, { ...runOptions, env: { ...clientEnv, ...home, ...runOptions.env } });
    },
    [Symbol.asyncDispose]: async () => {
      await daemon.stop();
      if (options.at === undefined) await removeTree(path.join(root, "nix"));
      await folder[Symbol.asyncDispose]();
    },
  };
}

const BASE32 = "0123456789abcdfghijklmnpqrsvwxyz";

/** 160 bits as Nix writes them: its own alphabet, most significant digit first. */
function hashPart(identity: string): string {
  const digest = createHash("sha256").update(identity).digest().subarray(0, 20);
  let number = BigInt(`0x${Buffer.from(digest).reverse().toString("hex")}`);
  let text = "";
  for (let i = 0; i < 32; i++, number >>= 5n) text = BASE32.charAt(Number(number & 31n)) + text;
  return text;
}

async function narOf(place: string, env: RunOptions["env"]): Promise<{ hash: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  await mustRun("nix-store", ["--dump", place], {
    ...(env ? { env } : {}),
    timeout: 600_000,
    onStdout: (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    },
  });
  return { hash: hash.digest("hex"), size };
}

async function primaryGroup(uid: number): Promise<number> {
  const { stdout } = await mustRun("id", ["-g", String(uid)]);
  return Number(stdout.toString());
}

/** Whether a daemon says hello: it answers the worker protocol's first word with its own. */
function answers(socket: string): Promise<boolean> {
  const hello = Buffer.alloc(8);
  hello.writeBigUInt64LE(0x6e697863n);
  return new Promise((resolve) => {
    const connection = connect(socket, () => connection.write(hello));
    const end = (answer: boolean): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.once("data", (data) => {
      end(data.length >= 8 && data.readBigUInt64LE() === 0x6478696fn);
    });
    connection.once("error", () => {
      end(false);
    });
    connection.once("close", () => {
      end(false);
    });
    connection.setTimeout(5_000, () => {
      end(false);
    });
  });
}
