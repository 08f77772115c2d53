import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mustRun, projectRoot } from "./run.js";
import { removeTree } from "./temporary.js";

/** Some twenty paths. */
export const smallPackages: readonly string[] = ["bash", "coreutils"];
/** Some three hundred paths, 17,000 files, more than a gigabyte. */
export const largePackages: readonly string[] = ["ffmpeg", "nginx", "git", "python3", "postgresql-15"];

export interface DebianClosure {
  /** The folder around `nix/store` and `nix/var`: what `startNixStore({ at })` takes to put a daemon on it. */
  readonly root: string;
  readonly storeDir: string;
  readonly stateDir: string;
  /** For programs that open the store without a daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** The store path of each package that was asked for. */
  readonly roots: readonly string[];
  /** The whole closure, dependencies first. */
  readonly paths: readonly string[];
}

/**
 * A store filled with a closure of Debian packages: made once, then found again by every test and benchmark that asks
 * for the same packages. Needs `apt-get`, `dpkg-deb`, `nix-store`, `python3`, and a mirror the first time.
 */
export async function debianClosure(packages: readonly string[]): Promise<DebianClosure> {
  const script = path.join(import.meta.dirname, "debian_store.py");
  const identity = createHash("sha256")
    .update(readFileSync(script))
    .update(JSON.stringify([process.arch, packages]));
  const cache = path.resolve(process.env["LAMINIX_TEST_CACHE"] ?? path.join(projectRoot, ".cache"));
  const root = path.join(cache, `debian-store-${identity.digest("hex").slice(0, 12)}`);
  const storeDir = path.join(root, "nix/store");
  const stateDir = path.join(root, "nix/var/nix");
  const confDir = path.join(root, "conf");
  const env = {
    NIX_STORE_DIR: storeDir,
    NIX_STATE_DIR: stateDir,
    NIX_LOG_DIR: path.join(root, "nix/var/log/nix"),
    NIX_CONF_DIR: confDir,
    NIX_REMOTE: "local",
  };
  const record = path.join(root, "closure.json");

  if (!existsSync(record)) {
    await using _lock = await lock(path.join(cache, "debian-store.lock"));
    // Another process may have made it while this one waited.
    if (!existsSync(record)) {
      await removeTree(root);
      mkdirSync(confDir, { recursive: true });
      writeFileSync(path.join(confDir, "nix.conf"), "build-users-group =\nsubstituters =\n");
      const debs = path.join(root, "debs");
      const made = await mustRun("python3", [script, "--store-dir", storeDir, "--debs", debs, ...packages], {
        env,
        timeout: 600_000,
      });
      await removeTree(debs);
      // The record comes last and whole: without it the next one starts over.
      await writeFile(`${record}.new`, made.stdout);
      await rename(`${record}.new`, record);
    }
  }
  const { roots, paths } = JSON.parse(await readFile(record, "utf8")) as Pick<
    DebianClosure,
    "roots" | "paths"
  >;
  return { root, storeDir, stateDir, env, roots, paths };
}

/** Holds a file that only one process can have created; a dead owner's is taken over. */
async function lock(file: string): Promise<AsyncDisposable> {
  mkdirSync(path.dirname(file), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return {
        [Symbol.asyncDispose]: () => {
          rmSync(file, { force: true });
          return Promise.resolve();
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (ownerIsGone(file)) rmSync(file, { force: true });
    else await sleep(200);
  }
}

function ownerIsGone(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, "utf8"));
    // Created but not written yet, unless it has been so for long.
    if (owner === 0) return Date.now() - statSync(file).mtimeMs > 10_000;
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
