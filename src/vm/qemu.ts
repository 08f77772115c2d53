/** QEMU: which program it is, what it is started with, and whether the processor's own virtualisation works. */
import { constants } from "node:fs";
import { LaminixError } from "../errors.js";
import { isAccessible } from "../files/optionalFile.js";
import { run } from "../process/run.js";
import type { Acceleration } from "./rootScript.js";
import { ALIVE, LOG_PORT, TRIAL } from "./init.js";

export interface Boot {
  readonly kernel: string;
  readonly initramfs: string;
  /** MiB. */
  readonly memory: number;
}

/** Where there is no QEMU. */
export const QEMU_HINT = "install QEMU, such as Debian's qemu-system-x86 or qemu-system-arm";

/** Files of a machine. */
export interface MachineFiles {
  /** A disk that is only read. */
  readonly input: string;
  readonly output: string;
  /** What the kernel says. */
  readonly console: string;
}

interface Board {
  readonly program: string;
  readonly machine: string;
  readonly console: string;
}

const BOARDS: Partial<Record<NodeJS.Architecture, Board>> = {
  x64: { program: "qemu-system-x86_64", machine: "pc", console: "ttyS0" },
  arm64: { program: "qemu-system-aarch64", machine: "virt", console: "ttyAMA0" },
};

/** What a kernel must have, built in or as modules. */
export const MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "ext4", "overlay"] as const;
export const NETWORK_MODULES = ["virtio_net", "af_packet"] as const;

/** @throws {LaminixError} ERR_UNSUPPORTED where this processor has no board here */
function board(): Board {
  const found = BOARDS[process.arch];
  if (found) return found;
  throw new LaminixError("ERR_UNSUPPORTED", `there is no virtual machine for ${process.arch}`, {
    hint: 'isolation "namespace" needs none',
  });
}

/** @throws {LaminixError} ERR_UNSUPPORTED */
export function qemuProgram(): string {
  return board().program;
}

/** System calls that a machine like ours does not make; see `-sandbox` in QEMU's manual. */
const SANDBOX = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];
const sandboxes = new Map<string, Promise<readonly string[]>>();

/** Arguments for QEMU's own filter of system calls; none where it was built without. Asked once for each program. */
export function sandboxArguments(program: string): Promise<readonly string[]> {
  const known = sandboxes.get(program) ?? isSandboxed(program).then((yes) => (yes ? SANDBOX : []));
  sandboxes.set(program, known);
  return known;
}

async function isSandboxed(program: string): Promise<boolean> {
  try {
    await run(program, [...SANDBOX, "-version"]);
    return true;
  } catch {
    return false;
  }
}

function bootArguments(
  { kernel, initramfs, memory }: Boot,
  acceleration: Acceleration,
  words: string,
): string[] {
  const { machine, console } = board();
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-machine", `${machine},accel=${acceleration}`, "-cpu", acceleration === "kvm" ? "host" : "max"],
    ...["-m", `${String(memory)}M`, "-kernel", kernel, "-initrd", initramfs],
    // Only what is the kernel's last word.
    ...["-append", `console=${console} panic=-1 loglevel=1 random.trust_cpu=on ${words}`],
  ];
}

export interface MachineOptions {
  readonly acceleration: Acceleration;
  readonly network: boolean;
  /** As `sandboxArguments` has them. */
  readonly sandbox: readonly string[];
}

export function machineArguments(
  boot: Boot,
  { input, output, console }: MachineFiles,
  { acceleration, network, sandbox }: MachineOptions,
): string[] {
  const disk = (id: string, file: string, readonly: "on" | "off"): string[] => [
    "-drive",
    `if=none,id=${id},format=raw,cache=unsafe,read-only=${readonly},file.filename=${file.replaceAll(",", ",,")}`,
    ...["-device", `virtio-blk-pci,drive=${id}`],
  ];
  return [
    ...sandbox,
    ...bootArguments(boot, acceleration, ""),
    ...["-serial", `file:${console}`],
    ...["-device", "virtio-serial-pci,id=ports", "-chardev", "stdio,id=log,signal=off"],
    ...["-device", `virtserialport,bus=ports.0,chardev=log,name=${LOG_PORT}`],
    ...disk("input", input, "on"),
    ...disk("output", output, "off"),
    ...(network ? ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="] : []),
  ];
}

/** Milliseconds in which a machine boots where the processor helps; it takes a tenth of that. */
const TRIAL_LIMIT = 4000;
const trials = new Map<string, Promise<boolean>>();

/** Whether this user may try the processor's own virtualisation. */
export function mayUseKvm(): boolean {
  return isAccessible("/dev/kvm", constants.R_OK | constants.W_OK);
}

/**
 * Whether the kernel boots with KVM: a `/dev/kvm` that is there may still hang. Tried once for each kernel, and
 * remembered for as long as this process runs.
 */
export function kvmWorks(program: string, boot: Boot): Promise<boolean> {
  if (!mayUseKvm()) return Promise.resolve(false);
  const key = `${program} ${boot.kernel}`;
  const known = trials.get(key) ?? bootsWithKvm(program, boot);
  trials.set(key, known);
  return known;
}

async function bootsWithKvm(program: string, boot: Boot): Promise<boolean> {
  let isAlive = false;
  try {
    const sandbox = await sandboxArguments(program);
    await run(program, [...sandbox, ...bootArguments(boot, "kvm", TRIAL), "-serial", "stdio"], {
      signal: AbortSignal.timeout(TRIAL_LIMIT),
      onStdoutLine: (line) => (isAlive ||= line.includes(ALIVE)),
    });
  } catch {
    return false;
  }
  return isAlive;
}
