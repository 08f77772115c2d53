/** Parts of the virtual machines that scripts run in. */
import { existsSync } from "node:fs";
import { inPath } from "../../files/inPath.js";
import { findBusybox } from "../../vm/busybox.js";
import { findKernel } from "../../vm/kernel.js";
import { modulesOf } from "../../vm/modules.js";
import { mayUseKvm, MODULES, QEMU_HINT, qemuProgram } from "../../vm/qemu.js";
import { type Check, failed, type Found, ok, type Situation } from "./check.js";

const USE = "runAsRoot in a virtual machine";

const qemu: Check = {
  feature: "QEMU",
  neededFor: USE,
  look: () => {
    const program = qemuProgram();
    const file = inPath(program);
    if (file !== undefined) return ok(file);
    return { status: "missing", found: `${program} is not in PATH`, todo: QEMU_HINT };
  },
};

const kernel: Check = {
  feature: "kernel",
  neededFor: USE,
  look: async ({ signal }: Situation): Promise<Found> => {
    const { LAMINIX_VM_KERNEL: named, LAMINIX_VM_MODULES: folder } = process.env;
    const found = findKernel(named, folder);
    const { image, modules } = found;
    try {
      await modulesOf(found, MODULES, signal);
    } catch (error) {
      signal.throwIfAborted();
      return failed(error, "limited");
    }
    return ok(modules === undefined ? `${image}, without modules` : `${image}, modules in ${modules}`);
  },
};

const busybox: Check = {
  feature: "busybox",
  neededFor: "runAsRoot",
  look: () => ok(findBusybox(process.env.LAMINIX_VM_BUSYBOX)),
};

const kvm: Check = {
  feature: "KVM",
  neededFor: "virtual machines at full speed",
  look: () => {
    if (mayUseKvm()) return ok("/dev/kvm can be opened");
    const found = "machines are emulated, which takes about ten times as long";
    return existsSync("/dev/kvm")
      ? { status: "limited", found: `/dev/kvm is not for you: ${found}`, todo: "be in the group kvm" }
      : {
          status: "limited",
          found: `there is no /dev/kvm: ${found}`,
          todo: "load the module kvm_intel or kvm_amd; inside a virtual machine, allow nested ones",
        };
  },
};

export const machine: readonly Check[] = [qemu, kernel, busybox, kvm];
