/** Programs that read what `formatMounts` writes, and say how they have understood it. None of them runs here. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { MountFormat } from "../../dist/index.js";
import { imageTools } from "./imageTools.js";
import type { Requirement } from "./requirements.js";
import { mustRun, projectRoot } from "./run.js";

export interface ReadMount {
  readonly source: string;
  readonly target: string;
}

export interface Reader {
  readonly format: MountFormat;
  readonly needs: readonly Requirement[];
  /**
   * The mounts that it has found, each for reading only.
   * @param folder for files of its own; is empty
   */
  readonly read: (text: string, folder: string) => Promise<ReadMount[]>;
}

/** A program of another Debian release that the set-up script unpacks. */
export function unpackedReader(program: "docker-compose" | "quadlet"): string {
  return path.join(projectRoot, ".cache/mount-readers", program);
}

const SYSTEMD = "/lib/systemd/systemd";

export const READERS: Readonly<Record<string, Reader>> = {
  podman: {
    format: "podman",
    needs: ["root", "podman"],
    read: (text) => podman(text.split("\n").slice(0, -1)),
  },
  systemd: { format: "systemd", needs: ["root", "systemd-analyze", "setpriv"], read: systemd },
  "Docker Compose": { format: "compose", needs: ["mountReaders"], read: compose },
  "quadlet, systemd and podman": {
    ...{ format: "quadlet", needs: ["root", "mountReaders", "systemd-analyze", "setpriv", "podman"] },
    read: async (text, folder) => podman(await quadletFlags(text, folder)),
  },
};

interface PodmanMount {
  readonly Type: string;
  readonly Source: string;
  readonly Destination: string;
  readonly RW: boolean;
}

/** @param flags of `podman run` */
export async function podman(flags: readonly string[]): Promise<ReadMount[]> {
  await using tools = await imageTools();
  const root = tools.join("root");
  mkdirSync(root);
  await tools.podman(["create", "--name", "mounts", ...flags, "--rootfs", root, "/bin/true"]);
  const { stdout } = await tools.podman(["inspect", "mounts", "--format", "{{json .Mounts}}"]);
  const mounts = JSON.parse(stdout.toString()) as readonly PodmanMount[];
  await tools.podman(["rm", "mounts"]);
  return mounts.map(({ Type, Source, Destination, RW }) =>
    only(Type === "bind" && !RW, { source: Source, target: Destination }),
  );
}

/** A drop-in of a service. It must not only be loaded, but say nothing that systemd does not know. */
export async function systemd(text: string, folder: string): Promise<ReadMount[]> {
  await serviceFile(folder, "mounts", "[Service]\nExecStart=/bin/true\n");
  mkdirSync(`${folder}/mounts.service.d`);
  writeFileSync(`${folder}/mounts.service.d/mounts.conf`, text);
  const { stderr } = await mustRun("systemd-analyze", ["verify", `${folder}/mounts.service`]);
  only(stderr === "", stderr);
  const read = valuesOf(await dumped(folder, "mounts"), "BindReadOnlyPaths");
  return read.map((value) => {
    const [, source = "", target = ""] = /^(.*):(.*):rbind$/.exec(value) ?? [];
    return { source, target };
  });
}

interface ComposeConfig {
  readonly services: {
    readonly app: {
      readonly volumes: readonly {
        readonly type: string;
        readonly source: string;
        readonly target: string;
        readonly read_only: boolean;
        readonly bind: { readonly create_host_path?: boolean };
      }[];
    };
  };
}

export async function compose(text: string, folder: string): Promise<ReadMount[]> {
  writeFileSync(`${folder}/compose.yaml`, "services: { app: { image: shell } }\n");
  writeFileSync(`${folder}/mounts.yaml`, text);
  const files = ["--file", "compose.yaml", "--file", "mounts.yaml"];
  const args = ["--project-name", "mounts", ...files, "config", "--format", "json"];
  const { stdout } = await mustRun(unpackedReader("docker-compose"), args, {
    cwd: folder,
    env: { HOME: folder },
  });
  const { volumes } = (JSON.parse(stdout.toString()) as ComposeConfig).services.app;
  return volumes.map(({ type, source, target, read_only, bind }) =>
    only(type === "bind" && read_only && bind.create_host_path !== true, {
      // It prints what it can read again.
      source: source.replaceAll("$$", "$"),
      target,
    }),
  );
}

/** The service that quadlet makes of a container and a drop-in of it. */
export async function quadletService(text: string, folder: string): Promise<string> {
  mkdirSync(`${folder}/units/mounts.container.d`, { recursive: true });
  writeFileSync(`${folder}/units/mounts.container`, "[Container]\nImage=localhost/shell\n");
  writeFileSync(`${folder}/units/mounts.container.d/mounts.conf`, text);
  const { stdout } = await mustRun(unpackedReader("quadlet"), ["-dryrun"], {
    env: { QUADLET_UNIT_DIRS: `${folder}/units` },
  });
  return stdout.toString().split("---mounts.service---\n")[1] ?? "";
}

/** The flags for mounts of the command that systemd runs. */
export async function quadletFlags(text: string, folder: string): Promise<string[]> {
  await serviceFile(folder, "mounts", await quadletService(text, folder));
  const [line = ""] = valuesOf(await dumped(folder, "mounts"), "Command Line").filter((each) =>
    each.includes(" run "),
  );
  // systemd prints it as a shell reads it; it may be longer than an argument can be.
  const input = `for word in ${line}; do printf '%s\\0' "$word"; done\n`;
  const { stdout } = await mustRun("sh", [], { input });
  const words = stdout.toString().replaceAll("$$", "$").split("\0");
  return words.flatMap((word, i) => (word === "--mount" ? [word, words[i + 1] ?? ""] : []));
}

/** A unit that systemd, which is not root when it only looks, can read. */
function serviceFile(folder: string, name: string, text: string): Promise<void> {
  chmodSync(folder, 0o755);
  writeFileSync(`${folder}/${name}.service`, text);
  return Promise.resolve();
}

/** What systemd knows of a unit. */
async function dumped(folder: string, name: string): Promise<string> {
  const args = ["--test", "--system", `--unit=${name}.service`];
  const { stdout } = await mustRun(
    "setpriv",
    ["--reuid", "65534", "--regid", "65534", "--clear-groups", SYSTEMD, ...args],
    // The colon stands for the units of this machine.
    { env: { SYSTEMD_UNIT_PATH: `${folder}:`, HOME: folder } },
  );
  return stdout.toString();
}

function valuesOf(dump: string, key: string): string[] {
  return Array.from(dump.matchAll(new RegExp(`^\\s*${key}: (.*)$`, "gm")), ([, value = ""]) => value);
}

function only<T>(holds: boolean, value: T): T {
  if (!holds) throw new Error(`not mounted for reading only: ${JSON.stringify(value)}`);
  return value;
}
