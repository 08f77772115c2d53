/** Containers in namespaces of this system, over its store: no engine, no root, no copy of what is in the store. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { onAbort } from "../../abort.js";
import { requireOptions } from "../../arguments.js";
import { textIfThere } from "../../files/optionalFile.js";
import { TemporaryFolder } from "../../files/temporary.js";
import { checkBuildOptions } from "../../planning/buildOptions.js";
import { shellQuoted } from "../../process/shell.js";
import { Progress } from "../../progress.js";
import type { ImageSpec } from "../../spec/spec.js";
import { writeTreeTar } from "../../tree/tarFile.js";
import { encodeDescription, enterProgram } from "../../vm/enter.js";
import { type Mapping, mappingOf, overlayOf } from "../../vm/mapping.js";
import { unpackArguments } from "../../vm/unpackTar.js";
import { farmOf } from "../farm.js";
import { type ContainerRoot, containerRoot, requireLinux } from "./containerRoot.js";
import { withoutDevices } from "./imageTree.js";
import { exitStatus } from "./outcome.js";
import { checkContainerOptions, type ContainerOptions, startedBy } from "./runOptions.js";

/** A container that runs. What it has of the store is protected from garbage collection until it has ended. */
export interface Container extends AsyncDisposable {
  /** Absent where `stdio` does not make pipes of them. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * How its command ended, as a shell reports it: 128 and its number for a signal. Rejects where there was none to run,
   * with ERR_NAMESPACE or ERR_MOUNT, and with the reason of a signal that aborts.
   */
  readonly ended: Promise<number>;
  /** Sends its command a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it at once, with all that it has started, unless it has ended. Idempotent. */
  close(): Promise<void>;
}

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
    folders: (["/dev", "/proc", "/sys"] as const).map((path) => [path, 0o755]),
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
  const unshare = ["unshare", ...mapping.arguments, "--mount", "--propagation=private", "--"];
  const command = [...unshare, "sh", join(folder, "main")].map(shellQuoted).join(" ");
  const script = `exec 9>&2 2>${shellQuoted(join(folder, "messages"))}; exec ${command}`;
  const streams = typeof stdio === "string" ? [stdio, stdio, stdio] : [...stdio, ...DEFAULTS].slice(0, 3);
  // Descriptor 3 ends with this process, whatever ends that, and the container with it. Nobody else kills the group: the
  // terminal has to be given back first.
  const child = spawn("/bin/sh", ["-c", script], { detached: true, stdio: [...streams, "pipe"] as const });
  const end = ending(child, folder);
  const stopListening = onAbort(signal, () => {
    stop(child);
  });
  const ended = end.finally(async () => {
    stopListening();
    await release();
  });
  const aborted = ended.then(
    (code) => {
      signal?.throwIfAborted();
      return code;
    },
    (error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    },
  );
  aborted.catch(() => undefined); // whoever waits for it hears of it
  const close = async (): Promise<void> => {
    stop(child);
    await ended.catch(() => undefined);
  };
  return {
    ...{ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended: aborted, close },
    kill: (name) => {
      signalAll(child, name);
    },
    [Symbol.asyncDispose]: close,
  };
}

const DEFAULTS = ["inherit", "inherit", "inherit"] as const;

/** Signals the program that has entered namespaces, which passes it on; before, whatever prepares that. */
function signalAll({ pid, exitCode, signalCode }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has just ended.
  }
}

/** The end of descriptor 3 ends the container. */
function stop(child: ChildProcess): void {
  (child.stdio[3] as Writable | null)?.destroy();
}

async function ending(child: ChildProcess, folder: string): Promise<number> {
  // The container's end of it may be closed first.
  child.stdio[3]?.on("error", () => undefined);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (...end) => {
      resolve(end);
    });
  });
  const text = (name: string): string => textIfThere(join(folder, name));
  return exitStatus({ code, signal, status: text("status"), messages: text("messages") });
}
