/** busybox: the programs of a virtual machine, in one file that needs no other. */
import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";

const HINT = "install a static busybox, such as Debian's busybox-static, or name one with LAMINIX_VM_BUSYBOX";

/**
 * @param named its file; one that is found in PATH or in /bin unless given
 * @throws {LaminixError} ERR_MACHINE where there is none, or none that is static
 */
export function findBusybox(named: string | undefined): string {
  const folders = [...(process.env.PATH ?? "").split(":"), "/bin", "/usr/bin"];
  const candidates = named === undefined ? folders.map((folder) => join(folder, "busybox")) : [named];
  const found = candidates.filter((file) => isStatic(file) !== undefined);
  const file = found.find((each) => isStatic(each));
  if (file !== undefined) return realpathSync(file);
  const what = found[0] === undefined ? "there is no busybox" : `${found[0]} is not a static program`;
  throw new LaminixError("ERR_MACHINE", `${what}; a virtual machine's programs are in it`, {
    details: { busybox: named ?? found[0] },
    hint: HINT,
  });
}

/** Whether an ELF file names no interpreter; `undefined` where it is no such file. Format: elf(5). */
function isStatic(file: string): boolean | undefined {
  const head = Buffer.alloc(4096);
  try {
    const fd = openSync(file, "r");
    readSync(fd, head);
    closeSync(fd);
  } catch {
    return undefined;
  }
  if (head.toString("latin1", 0, 4) !== "\x7fELF" || head[4] !== 2) return undefined;
  const [start, size, count] = [
    Number(head.readBigUInt64LE(32)),
    head.readUInt16LE(54),
    head.readUInt16LE(56),
  ];
  for (let i = 0; i < count && start + (i + 1) * size <= head.length; i++)
    if (head.readUInt32LE(start + i * size) === INTERPRETER) return false;
  return true;
}

const INTERPRETER = 3;
