import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestFunction } from "vitest";
import { unpackedReader } from "./mountReaders.js";
import { vmKernelPath } from "./vm.js";
import { otherDockerd } from "./newerDocker.js";
import { newerSkopeo } from "./newerSkopeo.js";
import { node24Path, nodeArm64Path } from "./otherNodes.js";
import { nixPrograms } from "./nixes.js";
import { unpackedNeovim } from "./unpackedNeovim.js";

/**
 * `root`, `linux`, `node24`, `nodeArm64` (which QEMU runs), the Nix, the Docker, the skopeo or the Neovim of another Debian release, `mountReaders` (its Docker Compose and
 * quadlet), `vm` (QEMU, and a kernel for it), or the name of a program; `dockerd` and `dockerTrixie` include being root, as
 * they run only then.
 */
export type Requirement =
  | "root"
  | "linux"
  | "node24"
  | "nodeArm64"
  | "nixTrixie"
  | "nixSid"
  | "neovimTrixie"
  | "neovimSid"
  | "dockerTrixie"
  | "skopeoTrixie"
  | "mountReaders"
  | "vm"
  | (string & {});

const searchPath = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/sbin"];

function hasProgram(name: string): boolean {
  return searchPath.some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const qemu = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";

const isRoot = (): boolean => process.getuid?.() === 0;

function isMet(requirement: Requirement): boolean {
  switch (requirement) {
    case "root":
      return isRoot();
    case "linux":
      return process.platform === "linux";
    case "node24":
      return existsSync(node24Path());
    case "nodeArm64":
      return existsSync(nodeArm64Path);
    case "nixTrixie":
      return existsSync(nixPrograms("trixie"));
    case "nixSid":
      return existsSync(nixPrograms("sid"));
    case "neovimTrixie":
      return existsSync(unpackedNeovim("trixie"));
    case "neovimSid":
      return existsSync(unpackedNeovim("sid"));
    case "vm":
      return existsSync(vmKernelPath()) && hasProgram(qemu) && hasProgram("busybox");
    case "mountReaders":
      return existsSync(unpackedReader("quadlet"));
    case "skopeoTrixie":
      return existsSync(newerSkopeo);
    case "dockerTrixie":
      return isRoot() && existsSync(otherDockerd) && hasProgram("docker");
    case "dockerd":
      return isRoot() && hasProgram("dockerd") && hasProgram("docker");
    default:
      return hasProgram(requirement);
  }
}

/** What of it this machine lacks, in words; `undefined` if nothing. */
export function lacking(requirements: readonly Requirement[]): string | undefined {
  const unmet = requirements.filter((requirement) => !isMet(requirement));
  return unmet.length === 0 ? undefined : `needs ${unmet.join(", ")}`;
}

/** Where nothing may be skipped, a missing requirement is an error; elsewhere it is the reason that is printed. */
function reasonToSkip(requirements: readonly Requirement[], name: string): string | undefined {
  const reason = lacking(requirements);
  if (reason !== undefined && process.env["CI"] === "true") throw new Error(`“${name}” ${reason}`);
  return reason;
}

/** `describe`, skipped with its reason where the machine lacks something. */
export function describeWith(requirements: readonly Requirement[], name: string, body: () => void): void {
  const reason = reasonToSkip(requirements, name);
  if (reason === undefined) describe(name, body);
  else describe.skip(`${name} (skipped: ${reason})`, body);
}

/** `test`, skipped with its reason where the machine lacks something. */
export function testWith(
  requirements: readonly Requirement[],
  name: string,
  body: TestFunction,
  timeout?: number,
): void {
  const reason = reasonToSkip(requirements, name);
  if (reason === undefined) test(name, timeout === undefined ? {} : { timeout }, body);
  else test.skip(`${name} (skipped: ${reason})`, body);
}
