/** A script that runs as root in a virtual machine of its own: no privilege is needed for that, nor any file changed. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { OpenArchive } from "../files/openArchive.js";
import { TemporaryFolder } from "../files/temporary.js";
import { run } from "../process/run.js";
import { FOLDER, type FolderNode, folderNode, rootOwned, type TreeNode } from "../tree/node.js";
import { findBusybox } from "./busybox.js";
import { readFileSystem } from "./ext4/read.js";
import { type DiskOptions, writeFileSystem } from "./ext4/write.js";
import { IN_MACHINE } from "./init.js";
import { initramfs } from "./initramfs.js";
import { findKernel } from "./kernel.js";
import { modulesOf } from "./modules.js";
import { failureOf, parseReport } from "./outcome.js";
import {
  type Boot,
  kvmWorks,
  machineArguments,
  MODULES,
  NETWORK_MODULES,
  QEMU_HINT,
  qemuProgram,
  sandboxArguments,
} from "./qemu.js";
import type { RootScript, RunOptions } from "./rootScript.js";
import { ScriptLog } from "./scriptLog.js";
import { SCRIPT_PATH, shellFor, TRAPS_TEXT } from "./shell.js";
import type { StageSettings } from "./stage.js";

/**
 * Boots a machine, runs the script in it, and reads the overlay's upper tree from its disk.
 * @throws {LaminixError} ERR_MACHINE, ERR_PROGRAM, ERR_SCRIPT and its kin, ERR_MACHINE_PANIC and its kin, ERR_FILE_WRITE
 */
export async function runInMachine(script: RootScript, options: RunOptions): Promise<FolderNode> {
  const { signal, adopt, onLine, network = false } = options;
  const { diskSize, mtime } = script;
  using temporary = new TemporaryFolder();
  const place = (name: string): string => join(temporary.path, name);
  const program = qemuProgram();
  const boot = await prepareBoot(script, options, place("initramfs"));
  const trial = options.acceleration === undefined && kvmWorks(program, boot);
  const sandbox = sandboxArguments(program);
  const files = { input: place("input"), output: place("output"), console: place("console") };
  const input = { lower: script.lower, store: folderOf(script.store) };
  await writeDisk(files.input, input, { signal, adopt, mtime });
  const output = { upper: script.upper, work: folderNode() };
  await writeDisk(files.output, output, { signal, adopt, mtime, size: diskSize * (1 << 20) });
  const acceleration = options.acceleration ?? ((await trial) ? "kvm" : "tcg");
  const log = new ScriptLog(onLine);
  await run(program, machineArguments(boot, files, { acceleration, network, sandbox: await sandbox }), {
    ...(signal && { signal }),
    onStdoutLine: log.add,
    // At its end the machine's port would be one that nobody listens to.
    endlessInput: true,
    hint: QEMU_HINT,
  });
  const disk = new OpenArchive(openSync(files.output, "r"));
  adopt(disk);
  const root = rootOn(disk);
  const report = parseReport(textOf(root?.children.get("status")));
  const panic = panicIn(files.console);
  if (!report.has("begun") && panic === undefined) throw notBegun(boot, files.console);
  const failure = failureOf({ report, panic, output: log.last, script, told: log.told });
  if (failure) throw failure;
  const upper = root?.children.get("upper");
  if (upper?.type === "directory") return upper;
  throw new LaminixError("ERR_MACHINE_DISK_DAMAGED", "the virtual machine's disk has lost the image's files");
}

async function prepareBoot(script: RootScript, options: RunOptions, file: string): Promise<Boot> {
  const { signal, network = false } = options;
  const kernel = findKernel(
    options.kernel ?? process.env.LAMINIX_VM_KERNEL,
    options.kernel === undefined ? process.env.LAMINIX_VM_MODULES : undefined,
  );
  const busybox = findBusybox(options.busybox ?? process.env.LAMINIX_VM_BUSYBOX);
  const modules = await modulesOf(kernel, [...MODULES, ...(network ? NETWORK_MODULES : [])], signal);
  const settings: StageSettings = {
    ...IN_MACHINE,
    store: script.store.size === 0 ? "" : IN_MACHINE.store,
    storeDir: script.storeDir,
    shell: shellFor(script.text, [script.upper, script.lower]),
    path: SCRIPT_PATH,
    network,
  };
  writeFileSync(file, initramfs({ busybox, modules, settings, script: script.text, traps: TRAPS_TEXT }));
  return { kernel: kernel.image, initramfs: file, memory: script.memory };
}

function folderOf(children: ReadonlyMap<string, TreeNode>): FolderNode {
  return { type: "directory", attributes: FOLDER, children: new Map(children) };
}

async function writeDisk(
  file: string,
  folders: Readonly<Record<string, FolderNode>>,
  options: DiskOptions,
): Promise<void> {
  const fd = openSync(file, "wx+", 0o600);
  try {
    const lost = folderNode(rootOwned(0o700));
    await writeFileSystem(fd, folderOf(new Map(Object.entries({ ...folders, "lost+found": lost }))), options);
  } finally {
    closeSync(fd);
  }
}

/** Nothing where a machine that was stopped has left its disk as it was in that moment. */
function rootOn(disk: OpenArchive): FolderNode | undefined {
  try {
    return readFileSystem(disk);
  } catch {
    return undefined;
  }
}

/** A machine that has ended before it could run anything. */
function notBegun({ kernel, memory }: Boot, console: string): LaminixError {
  const lastWords = readFileSync(console, "latin1").slice(-LAST_WORDS).trim().split(/\r?\n/).slice(-10);
  return new LaminixError(
    "ERR_MACHINE",
    `a virtual machine of ${String(memory)} MiB does not come up with ${kernel}`,
    {
      details: { kernel, memory, console: lastWords },
      hint: "is buildVMMemorySize too small, or the kernel without virtio, ext4 and overlay?",
    },
  );
}

/** Why the kernel could not go on, where it could not. */
function panicIn(console: string): string | undefined {
  const lastWords = readFileSync(console, "latin1").slice(-LAST_WORDS);
  return /Kernel panic - not syncing: ([^\r\n]*)/.exec(lastWords)?.[1];
}

const LAST_WORDS = 1 << 16;

function textOf(node: TreeNode | undefined): string {
  if (node?.type !== "file" || !("source" in node.body)) return "";
  const { source, size } = node.body;
  const bytes = Buffer.alloc(Math.min(size, 1 << 16));
  return bytes.toString("latin1", 0, source.read(bytes, bytes.length, 0));
}
