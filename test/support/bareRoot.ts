/** A root file system with Node, npm, `sh` and the C library of Debian 11, and nothing else: no compiler, CMake, Python or git. */
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { QEMU_ARM64, REGISTER } from "./emulation.js";
import { nodeArm64Path } from "./otherNodes.js";
import { mustRun, projectRoot, run, type RunResult } from "./run.js";
import { temporaryFolder, type TemporaryFolder } from "./temporary.js";

export type Processor = "x64" | "arm64";

const DEBIAN = { x64: "amd64", arm64: "arm64" } as const;

const NODE = { x64: process.execPath, arm64: nodeArm64Path } as const;

/** In namespaces of its own, so that neither a mount nor QEMU concerns anybody else. $1 is the root, $2 the libraries. */
const ENTER = `
set -e
root=$1 libraries=$2 npm=$3 qemu=$4
shift 4
if [ -n "$qemu" ]; then ${REGISTER} fi
for folder in lib lib64 usr/lib; do
  [ ! -d "$libraries/$folder" ] || mount --bind "$libraries/$folder" "$root/$folder"
done
mount --bind "$npm" "$root/npm"
mount --bind /etc/ssl/certs "$root/certs"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --rbind /tmp "$root/tmp"
exec chroot "$root" "$@"
`;

export class BareRoot implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #processor: Processor;

  private constructor(folder: TemporaryFolder, processor: Processor) {
    this.#folder = folder;
    this.#processor = processor;
  }

  static async make(processor: Processor): Promise<BareRoot> {
    const folder = await temporaryFolder("bare-root");
    for (const name of [
      "bin",
      "certs",
      "dev",
      "etc",
      "lib",
      "lib64",
      "npm",
      "proc",
      "project",
      "tmp",
      "usr/lib",
    ])
      mkdirSync(folder.join(name), { recursive: true });
    copyFileSync(NODE[processor], folder.join("bin/node"));
    copyFileSync("/bin/busybox", folder.join("bin/sh"));
    for (const name of ["hosts", "resolv.conf"]) copyFileSync(`/etc/${name}`, folder.join("etc", name));
    return new BareRoot(folder, processor);
  }

  /** Where something of the root is from outside. */
  join(...parts: string[]): string {
    return this.#folder.join(...parts);
  }

  /** Runs Node in the root; its working folder is `/project`. */
  async node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    const libraries = path.join(projectRoot, `.cache/sysroot-${DEBIAN[this.#processor]}`);
    const npm = path.resolve(
      await mustRun("npm", ["root", "--global"]).then(({ stdout }) => stdout.toString().trim()),
      "npm",
    );
    const { stdout } = await mustRun("npm", ["config", "get", "registry"]);
    const qemu = this.#processor === "arm64" ? QEMU_ARM64 : "";
    const command = [this.join(), libraries, npm, qemu, "/bin/node", ...args];
    return run("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", ENTER, "sh", ...command], {
      timeout: 600_000,
      env: {
        PATH: "/bin:/usr/bin:/usr/sbin",
        HOME: "/project",
        npm_config_registry: stdout.toString().trim(),
        npm_config_update_notifier: "false",
        NODE_EXTRA_CA_CERTS: "/certs/ca-certificates.crt",
        ...env,
      },
    });
  }

  /** npm, in the folder `/project`. */
  npm(args: readonly string[]): Promise<RunResult> {
    return this.node(["/npm/bin/npm-cli.js", "--prefix=/project", ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
