import path from "node:path";
import type { RootScriptOptions } from "../../dist/index.js";
import { projectRoot } from "./run.js";

/** Where the set-up unpacks a kernel for virtual machines. */
export function vmKernelPath(): string {
  return path.join(projectRoot, ".cache/vm-kernel");
}

/**
 * How scripts run as root in tests. The processor is emulated: where its own virtualisation does not work, to find that
 * out takes as long as a machine.
 */
export const inMachine: RootScriptOptions = { kernel: vmKernelPath(), acceleration: "tcg", timeLimit: 100 };
