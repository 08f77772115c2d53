/** Containers in namespaces of this system, over its store: no engine, no root, no copy of what is in the store. */
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireOptions } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { textIfThere } from "../../files/optionalFile.js";
import { TemporaryFolder } from "../../files/temporary.js";
import { checkBuildOptions } from "../../planning/buildOptions.js";
import { shellQuoted } from "../../process/shell.js";
import { Progress } from "../../progress.js";
import type { ImageSpec } from "../../spec/spec.js";
import { encodeDescription, enterProgram } from "../../vm/enter.js";
import { type Mapping, mappingOf, overlayOf, unshareCommand } from "../../vm/mapping.js";
import { unpackArguments } from "../../vm/unpackTar.js";
import { farmOf } from "../farm.js";
import type { ContainerRoot } from "./containerRoot.js";
import { type Container, runningContainer } from "./container.js";
import { withoutDevices } from "./imageTree.js";
import { exitStatus } from "./outcome.js";
import { checkContainerOptions, type ContainerOptions, startedBy } from "./runOptions.js";

/**
 * Runs a command of an image in namespaces: over the image's root, which it may change for itself, and the closure of
 * what is in it, mounted from the store for reading only. Nothing of it is left when it has ended, however that was.
 * @param subject a spec; or an image that lies somewhere, as in `loadImage`: an archive, a layout, `docker://…`. An image
 *   without store paths has those that it names from the store
 * @throws {LaminixError} ERR_NAMESPACE where namespaces cannot be had; ERR_MOUNT where something cannot be mounted or
 *   there is nothing to run; ERR_ADDON_MISSING, ERR_UNSUPPORTED; what making, opening or unpacking the image throws
 */
export async function startContainer(
  subject: ImageSpec | string,
  options: ContainerOptions = {},
): Promise<Container> {
  if (typeof subject !== "string") requireOptions(subject, "subject");
  checkBuildOptions(options);
  checkContainerOptions(options);
  requireLinux();
  const progress = new Progress(options.onProgress);
  const mapping = mappingOf();
  // Loaded for those who need it: most of a short program's time is loading.
  const { containerRoot } = await import("./containerRoot.js");
  const root = await containerRoot(subject, { ...options, mapping, progress });
  const temporary = new TemporaryFolder();
  const release = async (): Promise<void> => {
    temporary[Symbol.dispose]();
    await root[Symbol.asyncDispose]();
  };
  try {
    await prepareFolder(temporary.path, root, { options, mapping, progress });
    return running(temporary.path, { options, mapping, release });
  } catch (error) {
    await release();
    throw error;
  }
}

/** @throws {LaminixError} ERR_UNSUPPORTED on another system than Linux */
function requireLinux(): void {
  if (process.platform === "linux") return;
  throw new LaminixError("ERR_UNSUPPORTED", "containers are run on Linux alone", {
    hint: "--with docker runs one in an engine's virtual machine",
  });
}

interface Preparation {
  readonly options: ContainerOptions;
  readonly mapping: Mapping;
  readonly progress: Progress;
}

/** All that the program that enters namespaces reads. */
async function prepareFolder(
  folder: string,
  root: ContainerRoot,
  { options, mapping, progress }: Preparation,
): Promise<void> {
  const place = (name: string): string => join(folder, name);
  const { network = "none", terminal = false, readOnly = false, signal } = options;
  const { base, tree, plan, mtime } = root;
  const started = startedBy(root.config, options);
  const layer = place("space/layer");
  const overlay =
    base &&
    overlayOf({
      ...{ lower: [...(tree ? [layer] : []), base.folder], upper: place("space/upper") },
      ...{ work: place("space/work"), options: mapping.overlayOptions },
    });
  const description = encodeDescription({
    root: base ? place("space/root") : layer,
    overlay,
    status: place("status"),
    folders: ["/dev", "/proc", "/sys", ...(network === "host" ? ["/etc"] : [])].map((path) => [path, 0o755]),
    store: plan && farmOf(plan, plan.storeDir),
    resolver: network === "host" ? place("resolv.conf") : undefined,
    network: network === "host",
    container: {
      user: started.user,
      workingFolder: started.workingFolder,
      volumes: started.volumes.map(({ readOnly: isReadOnly, source, target }) => [
        isReadOnly ? "ro" : "rw",
        source,
        target,
      ]),
      hasTerminal: terminal,
      isReadOnly: readOnly,
      isAlone: mapping.kind === "alone",
    },
    environment: started.environment,
    command: started.command,
  });
  mkdirSync(place("space"));
  // A copy: should the container find a way to overwrite it, nothing else will run it.
  copyFileSync(enterProgram(), place("enter"));
  chmodSync(place("enter"), 0o755);
  const { writeTreeTar } = await import("../../tree/tarFile.js");
  if (tree) await writeTreeTar(place("layer.tar"), withoutDevices(tree, progress), { mtime, signal });
  writeFileSync(place("resolv.conf"), textIfThere("/etc/resolv.conf"), { mode: 0o644 });
  writeFileSync(place("description"), description);
  writeFileSync(place("main"), mainScript(place, mapping, tree !== undefined));
}

/**
 * What the container writes goes into memory, and so goes with it. Until it is entered, messages go to a file: standard
 * error is the container's.
 */
function mainScript(place: (name: string) => string, mapping: Mapping, hasLayer: boolean): string {
  const unpack = ["tar", ...unpackArguments(place("layer.tar"), place("space/layer"), mapping)];
  const space = shellQuoted(place("space"));
  return `
umask 022
mount -t tmpfs -o mode=755,nosuid,nodev laminix ${space} || exit 1
cd ${space} && mkdir layer root upper work || exit 1
${hasLayer ? `${unpack.map(shellQuoted).join(" ")} || exit 1` : ""}
cd ${shellQuoted(place("."))} || exit 1
# The container sees these words, in /proc/1/cmdline.
exec ./enter description 2>&9 9>&-
`;
}

function running(
  folder: string,
  {
    options,
    mapping,
    release,
  }: Pick<Preparation, "options" | "mapping"> & { readonly release: () => Promise<void> },
): Container {
  const { signal, stdio = "inherit" } = options;
  const command = [...unshareCommand(mapping), "sh", join(folder, "main")].map(shellQuoted).join(" ");
  const script = `exec 9>&2 2>${shellQuoted(join(folder, "messages"))}; exec ${command}`;
  const streams = typeof stdio === "string" ? [stdio, stdio, stdio] : [...stdio, ...DEFAULTS].slice(0, 3);
  // Descriptor 3 ends with this process, whatever ends that, and the container with it. Nobody else kills the group: the
  // terminal has to be given back first.
  const child = spawn("/bin/sh", ["-c", script], { detached: true, stdio: [...streams, "pipe"] as const });
  // The container's end of it may be closed first.
  const keeper = child.stdio[3]?.on("error", () => undefined);
  const text = (name: string): string => textIfThere(join(folder, name));
  return runningContainer({
    ...{ child, signal, release },
    statusOf: (code, by) =>
      exitStatus({ code, signal: by, status: text("status"), messages: text("messages") }),
    stop: () => keeper?.destroy(),
  });
}

const DEFAULTS = ["inherit", "inherit", "inherit"] as const;
