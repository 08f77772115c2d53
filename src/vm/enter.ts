/** The program that enters namespaces, `native/farm/enter.cc`: where it is, and what it is told. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LaminixError } from "../errors.js";

/** As `description.h` has it. */
export interface Description {
  /** Where the overlay is mounted, and its options. */
  readonly root: string;
  readonly overlay: string;
  /** How the command ended is written there. */
  readonly status: string;
  /** Folders that the root must have, and their modes; those that are made for the mounts go again. */
  readonly folders: readonly (readonly [path: string, mode: number])[];
  /** What of this system can be read in the root; parents come first. */
  readonly binds: readonly (readonly [source: string, target: string])[];
  /** What is found as /etc/resolv.conf. */
  readonly resolver: string | undefined;
  readonly network: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

/** Its exit code where the command did not end with 0; the status says how. */
export const COMMAND_FAILED = 3;

/** @throws {LaminixError} ERR_ADDON_MISSING where it was not built */
export function enterProgram(): string {
  const file =
    process.env.LAMINIX_ENTER ?? fileURLToPath(new URL("../../build/Release/laminix-enter", import.meta.url));
  if (existsSync(file)) return file;
  throw new LaminixError("ERR_ADDON_MISSING", `there is no program that enters namespaces at ${file}`, {
    details: { path: file },
    hint: 'build it with `npm rebuild laminix` (in a checkout: `npm run build:native`), on Linux; isolation "machine" does without',
  });
}

/** The words of a description, each with a NUL at its end. */
export function encodeDescription(description: Description): string {
  const { root, overlay, status, folders, binds, resolver, network, environment, command } = description;
  const words = [
    ...["root", root, "overlay", overlay, "status", status],
    ...folders.flatMap(([path, mode]) => ["folder", mode.toString(8), path]),
    ...binds.flatMap(([source, target]) => ["bind", source, target]),
    ...(resolver === undefined ? [] : ["resolver", resolver]),
    ...(network ? ["network"] : []),
    ...Object.entries(environment).flatMap(([name, value]) => ["environment", `${name}=${value}`]),
    ...["command", ...command],
  ];
  return words.map((word) => `${word}\0`).join("");
}
