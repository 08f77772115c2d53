/** Modules of a kernel, with those that they need, in the order in which they are loaded. */
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { collect, ownedBytes } from "../bytes/bytes.js";
import { decompress } from "../compress/decompress.js";
import type { Compression } from "../compress/compressions.js";
import { LaminixError } from "../errors.js";
import type { Kernel } from "./kernel.js";

export interface KernelModule {
  readonly name: string;
  /** As the kernel takes it, not compressed. */
  readonly bytes: Buffer;
}

const ENDING = /\.ko(\.\w+)?$/;
const COMPRESSIONS: Readonly<Record<string, Compression>> = { ".gz": "gzip", ".xz": "xz", ".zst": "zstd" };

/**
 * @param wanted names of modules; what is built into the kernel is passed over
 * @throws {LaminixError} ERR_MACHINE where the kernel has one neither built in nor as a module; ERR_PROGRAM and
 *   ERR_COMPRESSION where modules are compressed
 */
export async function modulesOf(
  { image, modules }: Kernel,
  wanted: readonly string[],
  signal: AbortSignal | undefined,
): Promise<KernelModule[]> {
  // Of a kernel alone it is taken that all is built in: it shows when it boots.
  if (modules === undefined) return [];
  const files = new Map(
    readdirSync(join(modules, "kernel"), { recursive: true, encoding: "utf8" })
      .filter((file) => ENDING.test(file))
      .map((file) => [nameOf(file), join(modules, "kernel", file)]),
  );
  const builtIn = new Set(namesIn(join(modules, "modules.builtin")));
  const loaded = new Map<string, KernelModule>();

  const load = async (name: string, how: "needed" | "useful"): Promise<void> => {
    if (loaded.has(name) || builtIn.has(name)) return;
    const file = files.get(name);
    if (file === undefined) {
      if (how === "useful") return;
      throw new LaminixError(
        "ERR_MACHINE",
        `the kernel ${image} has no ${name}, which a virtual machine needs`,
        {
          details: { kernel: image, module: name },
          hint: "name another kernel with LAMINIX_VM_KERNEL",
        },
      );
    }
    const bytes = await read(file, signal);
    for (const soft of listed(bytes, "softdep=pre: ", " ")) {
      await load(soft, "useful");
      await load(`${soft}_generic`, "useful");
    }
    for (const needed of listed(bytes, "depends=", ",")) await load(needed, "needed");
    loaded.set(name, { name, bytes });
  };
  for (const name of wanted) await load(name, "needed");
  return [...loaded.values()];
}

function read(file: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const compression = COMPRESSIONS[ENDING.exec(file)?.[1] ?? ""] ?? "none";
  return collect(decompress(ownedBytes(createReadStream(file)), compression, { signal }));
}

/** What a module says of itself: texts `KEY=VALUE`, each with a zero behind it. */
function listed(module: Buffer, key: string, separator: string): string[] {
  const at = module.indexOf(`\0${key}`);
  if (at < 0) return [];
  const start = at + 1 + key.length;
  const names = module.toString("latin1", start, module.indexOf(0, start)).replace(/ post:.*/, "");
  return names
    .split(separator)
    .filter((name) => name !== "")
    .map(nameOf);
}

function namesIn(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean).map(nameOf);
  } catch {
    return [];
  }
}

/** Files and the kernel do not agree on `-` and `_`. */
function nameOf(file: string): string {
  return basename(file).replace(ENDING, "").replaceAll("-", "_");
}
