/** Programs that mount what `formatMounts` writes for them, and run a command over it. */
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { type FormatOptions, formatMounts, type MountFormat, type MountPlan } from "../../dist/index.js";
import { type DockerEngine, startDockerEngine } from "./dockerEngine.js";
import { shellLayer } from "./engineImages.js";
import type { Requirement } from "./requirements.js";
import { mustRun } from "./run.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

/** What it prints on standard output; rejects unless it succeeds. */
type Run = (plan: MountPlan, command: readonly string[], options?: FormatOptions) => Promise<string>;

export interface Consumer {
  readonly format: MountFormat;
  readonly needs: readonly Requirement[];
  readonly run: (consumers: MountConsumers) => Run;
}

/** Those that run here. Each has /bin/busybox, and no store but what is mounted. */
export const CONSUMERS: Readonly<Record<string, Consumer>> = {
  docker: { format: "docker", needs: ["dockerd"], run: (all) => all.docker },
  "Docker's API": { format: "engine-api", needs: ["dockerd"], run: (all) => all.engineApi },
  "docker, by a dev container's mounts": {
    ...{ format: "devcontainer", needs: ["dockerd"] },
    run: (all) => all.devContainer,
  },
  runc: { format: "oci", needs: ["root", "runc"], run: (all) => all.runc },
  bubblewrap: { format: "bwrap", needs: ["bwrap"], run: (all) => all.bwrap },
  "systemd-nspawn": {
    format: "nspawn",
    needs: ["root", "systemd-nspawn"],

    run: (all) => all.nspawn,
  },
};

export class MountConsumers implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  #engine: Promise<DockerEngine> | undefined;
  #runs = 0;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  static async start(): Promise<MountConsumers> {
    return new MountConsumers(await temporaryFolder("consumers"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#engine)?.[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  /** With an image `shell`. */
  engine(): Promise<DockerEngine> {
    return (this.#engine ??= startWithShell());
  }

  readonly docker: Run = async (plan, command, options) =>
    this.#dockerRun(linesOf(formatMounts(plan, "docker", options)), command);

  readonly devContainer: Run = async (plan, command, options) => {
    const { mounts } = JSON.parse(formatMounts(plan, "devcontainer", options)) as { mounts: string[] };
    const flags = mounts.flatMap((mount) => ["--mount", mount]);
    return this.#dockerRun(flags, command);
  };

  readonly engineApi: Run = async (plan, command, options) => {
    const { docker, socket } = await this.engine();
    const { HostConfig } = JSON.parse(formatMounts(plan, "engine-api", options)) as { HostConfig: object };
    const id = await create(socket, {
      ...{ Image: "shell", Cmd: command, NetworkDisabled: true },
      HostConfig: { ...HostConfig, NetworkMode: "none" },
    });
    try {
      return (await docker(["start", "--attach", id])).stdout.toString();
    } finally {
      await docker(["rm", "--force", id]);
    }
  };

  readonly runc: Run = async (plan, command, options) => {
    const bundle = this.#newFolder();
    newRoot(`${bundle}/rootfs`);
    await mustRun("runc", ["spec"], { cwd: bundle });
    const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as {
      readonly mounts: object[];
      readonly process: object;
    };
    const { mounts } = JSON.parse(formatMounts(plan, "oci", options)) as { mounts: object[] };
    const changed = {
      ...config,
      mounts: [...config.mounts, ...mounts],
      process: { ...config.process, terminal: false, args: command },
    };
    writeFileSync(`${bundle}/config.json`, JSON.stringify(changed));
    const id = `laminix-${String(process.pid)}-${String(this.#runs)}`;
    const result = await mustRun("runc", ["--root", this.#folder.join("runc"), "run", id], { cwd: bundle });
    return result.stdout.toString();
  };

  readonly bwrap: Run = async (plan, command, options) => {
    const args = `${this.#newFolder()}/args`;
    writeFileSync(args, formatMounts(plan, "bwrap", options));
    const script = 'exec bwrap --args 3 --ro-bind /bin/busybox /bin/busybox "$@" 3<"$0"';
    return (await mustRun("sh", ["-c", script, args, ...command])).stdout.toString();
  };

  readonly nspawn: Run = async (plan, command, options) => {
    const root = this.#newFolder();
    newRoot(root);
    const flags = linesOf(formatMounts(plan, "nspawn", options));
    const own = ["--quiet", "--register=no", "--keep-unit", "--pipe", "--directory", root];
    return (await mustRun("systemd-nspawn", [...own, ...flags, ...command])).stdout.toString();
  };

  async #dockerRun(flags: readonly string[], command: readonly string[]): Promise<string> {
    const { docker } = await this.engine();
    const args = ["run", "--rm", "--network", "none", ...flags, "shell", ...command];
    return (await docker(args)).stdout.toString();
  }

  #newFolder(): string {
    const folder = this.#folder.join(String(++this.#runs));
    mkdirSync(folder);
    return folder;
  }
}

export function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** A root with a shell, that systemd-nspawn takes for a system. */
function newRoot(root: string): void {
  for (const name of ["bin", "etc", "usr", "proc", "dev", "sys", "tmp"])
    mkdirSync(`${root}/${name}`, { recursive: true });
  writeFileSync(`${root}/etc/os-release`, "");
  copyFileSync("/bin/busybox", `${root}/bin/busybox`);
  symlinkSync("busybox", `${root}/bin/sh`);
}

async function startWithShell(): Promise<DockerEngine> {
  const engine = await startDockerEngine();
  await engine.docker(["import", "-", "shell"], { input: await shellLayer() });
  return engine;
}

function create(socketPath: string, container: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json" };
    request({ socketPath, path: "/containers/create", method: "POST", headers }, (response) => {
      json(response).then((answer) => {
        if (response.statusCode === 201) resolve((answer as { readonly Id: string }).Id);
        else reject(new Error(JSON.stringify(answer)));
      }, reject);
    })
      .on("error", reject)
      .end(JSON.stringify(container));
  });
}
