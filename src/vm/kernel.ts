/** The Linux kernel that a virtual machine boots, and where its modules are. */
import { accessSync, constants, readdirSync, realpathSync, statSync } from "node:fs";
import { release } from "node:os";
import { basename, dirname, join } from "node:path";
import { LaminixError } from "../errors.js";

export interface Kernel {
  readonly image: string;
  /** The folder that has `kernel/`; none where all that is needed is built in. */
  readonly modules: string | undefined;
}

/** Names of kernels in a folder, of which the version follows. */
const IMAGES = /^(?:vmlinuz|Image|bzImage|kernel)(?:-(.+))?$/;
const HINT =
  "install a kernel, such as Debian's linux-image-cloud-amd64, or name one with LAMINIX_VM_KERNEL: its file, or the folder that its package was unpacked into";

/**
 * The kernel that is named, or else one that this machine has: NixOS's, or one in `/boot`, the running one first.
 * @param named a kernel's file, or a folder with `boot/` and `lib/modules/` in it, as a package is unpacked
 * @param modules their folder, or the one that it is in, where they are somewhere else
 * @throws {LaminixError} ERR_MACHINE
 */
export function findKernel(named: string | undefined, modules: string | undefined): Kernel {
  const kernel = namedOrOwn(named);
  if (modules === undefined) return kernel;
  const folder = [modules, ...onlyIn(modules)].find(isModules);
  if (folder !== undefined) return { ...kernel, modules: folder };
  throw new LaminixError("ERR_MACHINE", `there are no modules of a kernel in ${modules}`, {
    details: { modules },
  });
}

function namedOrOwn(named: string | undefined): Kernel {
  if (named !== undefined) {
    const found = kernelAt(named);
    if (found) return found;
    throw new LaminixError("ERR_MACHINE", `there is no kernel that can be read at ${named}`, {
      details: { kernel: named },
      hint: HINT,
    });
  }
  const found = kernelAt("/run/current-system/kernel") ?? kernelAt("/");
  if (found) return found;
  throw new LaminixError("ERR_MACHINE", "there is no kernel here for a virtual machine to boot", {
    hint: HINT,
  });
}

function kernelAt(place: string): Kernel | undefined {
  const stats = statSync(place, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if (!stats.isDirectory())
    return isReadable(place) ? { image: place, modules: modulesFor(place) } : undefined;
  const images = [join(place, "boot"), place]
    .flatMap(imagesIn)
    .filter(isReadable)
    .sort((one, other) => rank(other) - rank(one) || compareVersions(versionOf(other), versionOf(one)));
  const [image] = images;
  return image === undefined ? undefined : { image, modules: modulesFor(image) };
}

/** The running kernel comes before others, and one whose modules are there before one whose are not. */
function rank(image: string): number {
  return (versionOf(image) === release() ? 1 : 0) + (modulesFor(image) === undefined ? 0 : 2);
}

function imagesIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((name) => IMAGES.test(name))
    .map((name) => join(folder, name));
}

function versionOf(image: string): string {
  return IMAGES.exec(basename(image))?.[1] ?? "";
}

function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

/** Beside the kernel, or in the tree that it is in: each distribution has a place of its own. */
function modulesFor(image: string): string | undefined {
  const real = realpathSync(image);
  const version = versionOf(image);
  const around = [dirname(image), dirname(real), dirname(dirname(image)), dirname(dirname(real))];
  const bases = [...around, "/run/current-system/kernel-modules"].flatMap((folder) => [
    join(folder, "lib/modules"),
    join(folder, "usr/lib/modules"),
  ]);
  const beside = isModules(dirname(real)) ? [dirname(real)] : [];
  const versioned = version === "" ? [] : bases.map((base) => join(base, version));
  // A tree of one kernel alone has its modules under whatever name.
  const only = version === "" ? bases.flatMap(onlyIn) : [];
  return [...beside, ...versioned, ...only].find(isModules);
}

function onlyIn(folder: string): string[] {
  const entries = entriesOf(folder);
  return entries.length === 1 ? entries.map((name) => join(folder, name)) : [];
}

function isModules(folder: string): boolean {
  return statSync(join(folder, "kernel"), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
