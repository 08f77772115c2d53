/** The program that enters namespaces, `native/farm/enter.cc`: where it is, and what it is told. */
import { existsSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { buildHint, builtFiles } from "../process/ownFile.js";

/** Store paths in a folder, by their names. */
export interface FarmDescription {
  readonly folder: string;
  readonly paths: readonly (readonly [source: string, name: string])[];
  readonly links: readonly (readonly [text: string, name: string])[];
}

/** What a container has that a script has not. */
export interface ContainerDescription {
  /** As an image's configuration has it. */
  readonly user: string;
  readonly workingFolder: string;
  readonly volumes: readonly (readonly [access: "ro" | "rw", source: string, target: string])[];
  readonly hasTerminal: boolean;
  readonly isReadOnly: boolean;
  /** Whether its user namespace has a single user. */
  readonly isAlone: boolean;
}

/** As `description.h` has it. */
export interface Description {
  /** Where the root is, and the options of the overlay that is mounted there. */
  readonly root: string;
  readonly overlay?: string | undefined;
  /** How the command ended is written there. */
  readonly status: string;
  /** Folders that the root must have, and their modes; those that are made for a script's mounts go again. */
  readonly folders: readonly (readonly [path: string, mode: number])[];
  /** What of this system can be read in the root; parents come first. */
  readonly binds?: readonly (readonly [source: string, target: string])[];
  readonly store?: FarmDescription | undefined;
  /** What is found as /etc/resolv.conf. */
  readonly resolver: string | undefined;
  readonly network: boolean;
  /** Absent for a script. */
  readonly container?: ContainerDescription;
  readonly environment: readonly string[];
  readonly command: readonly string[];
}

/** Its exit code where the command did not end with 0; the status says how. */
export const COMMAND_FAILED = 3;

/**
 * The program that enters namespaces.
 * @throws {LaminixError} ERR_ADDON_MISSING where it was not built
 */
export function enterProgram(): string {
  const given = process.env.LAMINIX_ENTER;
  const [file = ""] = given === undefined ? builtFiles("laminix-enter") : [given];
  if (existsSync(file)) return file;
  throw new LaminixError("ERR_ADDON_MISSING", `there is no program that enters namespaces at ${file}`, {
    details: { path: file },
    hint: `${buildHint()}; isolation "machine" does without`,
  });
}

/** The words of a description, each with a NUL at its end. */
export function encodeDescription(description: Description): string {
  const { root, overlay, status, folders, binds = [], store, resolver, network } = description;
  const { container, environment, command } = description;
  return nulEnded([
    ...["root", root, "status", status],
    ...(overlay === undefined ? [] : ["overlay", overlay]),
    ...folders.flatMap(([path, mode]) => ["folder", mode.toString(8), path]),
    ...binds.flatMap((bind) => ["bind", ...bind]),
    ...(store ? farmWords(store) : []),
    ...(resolver === undefined ? [] : ["resolver", resolver]),
    ...(network ? ["network"] : []),
    ...(container ? containerWords(container) : []),
    ...environment.flatMap((variable) => ["environment", variable]),
    ...["command", ...command],
  ]);
}

/** For a farm that is assembled in the mount namespace there is. */
export function encodeFarm(farm: FarmDescription, status: string): string {
  return nulEnded(["status", status, ...farmWords(farm)]);
}

function farmWords({ folder, paths, links }: FarmDescription): string[] {
  return [
    ...["store", folder],
    ...paths.flatMap((path) => ["path", ...path]),
    ...links.flatMap((link) => ["link", ...link]),
  ];
}

function containerWords(container: ContainerDescription): string[] {
  const { user, workingFolder, volumes, hasTerminal, isReadOnly, isAlone } = container;
  return [
    ...["container", "user", user, "working-folder", workingFolder],
    ...volumes.flatMap((volume) => ["volume", ...volume]),
    ...(hasTerminal ? ["terminal"] : []),
    ...(isReadOnly ? ["read-only"] : []),
    ...(isAlone ? ["alone"] : []),
  ];
}

function nulEnded(words: readonly string[]): string {
  return words.map((word) => `${word}\0`).join("");
}
