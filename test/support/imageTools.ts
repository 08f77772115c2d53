import { mkdir } from "node:fs/promises";
import { mustRun, type RunOptions, type RunResult } from "./run.js";
import { removeTree, temporaryFolder } from "./temporary.js";

/** Other programs' readings of an image, each with storage of its own. Every call rejects unless the program succeeds. */
export interface ImageTools extends AsyncDisposable {
  readonly folder: string;
  join(...parts: string[]): string;
  /** podman's options and environment for that storage. */
  readonly storage: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Loads and inspects; where it has neither cgroups nor a network set up, it cannot run containers. */
  podman(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  skopeo(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  umoci(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

export interface ImageToolsOptions {
  /** Where podman writes down its events: in a file of its own, or nowhere, unless given. */
  readonly events?: "file" | "none";
}

export async function imageTools({ events = "none" }: ImageToolsOptions = {}): Promise<ImageTools> {
  const folder = await temporaryFolder("images");
  const temporary = folder.join("tmp");
  await mkdir(temporary);
  // Neither the images nor the logins of whoever runs the tests.
  const env = { TMPDIR: temporary, XDG_RUNTIME_DIR: temporary, HOME: folder.path };
  const storage = [
    ...["--root", folder.join("podman"), "--runroot", folder.join("podman-run")],
    ...["--storage-driver", "vfs", "--events-backend", events, "--cgroup-manager", "cgroupfs"],
    // Its file of events is there.
    ...(events === "file" ? ["--tmpdir", folder.join("podman-tmp")] : []),
  ];
  const call = (program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    mustRun(program, args, { timeout: 300_000, ...options, env: { ...env, ...options.env } });
  return {
    folder: folder.path,
    join: folder.join,
    storage,
    env,
    podman: (args, options) => call("podman", [...storage, ...args], options),
    skopeo: (args, options) => call("skopeo", ["--insecure-policy", ...args], options),
    umoci: (args, options) => call("umoci", args, options),
    [Symbol.asyncDispose]: async () => {
      await removeTree(folder.path);
    },
  };
}
