/** What a virtual machine boots into. */
import { readFileSync } from "node:fs";
import { cpio, type CpioEntry } from "./cpio.js";
import { init } from "./init.js";
import type { KernelModule } from "./modules.js";
import { assignments, STAGE, type StageSettings } from "./stage.js";

const FOLDER = 0o40755;
const FILE = 0o100644;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o20600;

export interface InitramfsParts {
  /** A file. */
  readonly busybox: string;
  readonly modules: readonly KernelModule[];
  readonly settings: StageSettings;
  readonly script: string;
  /** What bash reads before the script. */
  readonly traps: string;
}

/** The same parts make the same bytes. */
export function initramfs({ busybox, modules, settings, script, traps }: InitramfsParts): Buffer {
  const text = (name: string, content: string, mode = FILE): CpioEntry => ({
    ...{ name, mode },
    bytes: Buffer.from(content),
  });
  const program = readFileSync(busybox);
  return cpio([
    ...["bin", "dev", "modules", "tools", "tools/bin"].map((name) => ({ name, mode: FOLDER })),
    { name: "dev/console", mode: CHARACTER_DEVICE, device: [5, 1] },
    { name: "bin/busybox", mode: PROGRAM, bytes: program },
    ...modules.map(({ name, bytes }) => ({ name: `modules/${name}`, mode: FILE, bytes })),
    text("init", init(modules.map(({ name }) => name)), PROGRAM),
    text("tools/settings", assignments(settings)),
    text("tools/stage", `. /tools/settings\n${STAGE}`),
    text("tools/script", script),
    text("tools/traps", traps),
    // QEMU's own (its manual, "Using the user mode network stack").
    text("tools/resolv.conf", "nameserver 10.0.2.3\n"),
  ]);
}
