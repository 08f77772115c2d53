/** How a container is run: what its image says, and what the caller says instead. */
import type { StdioOptions } from "node:child_process";
import { statSync } from "node:fs";
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireOneOf,
  requireKnown,
  requireString,
  requireStrings,
} from "../../arguments.js";
import { ArgumentError, LaminixError } from "../../errors.js";
import { textIn, textsIn } from "../../image/fields.js";
import type { JsonObject } from "../../bytes/json.js";
import type { PlanningOptions } from "../../planning/buildOptions.js";
import { requireAbsolute } from "../requirePlan.js";

export const NETWORKS = ["none", "host"] as const;
/** `none`: nothing but localhost, of the container's own; `host`: this system's. */
export type Network = (typeof NETWORKS)[number];

/** Something of this system that a container may change. */
export interface Volume {
  /** Absolute; a folder, a file or a socket. */
  readonly source: string;
  /** Absolute; made where the root does not have it. */
  readonly target: string;
  readonly readOnly?: boolean | undefined;
}

export interface ContainerOptions extends PlanningOptions {
  /** In place of the image's `Cmd`. */
  readonly command?: readonly string[] | undefined;
  /** In place of the image's `Entrypoint`; empty for none. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value`, beside or in place of the image's. */
  readonly env?: readonly string[] | undefined;
  /** `USER[:GROUP]`, by name or number. */
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly volumes?: readonly Volume[] | undefined;
  /** Default: `none`. */
  readonly network?: Network | undefined;
  /** Whether the root can be read and no more; `/tmp`, `/dev` and volumes can be written to all the same. */
  readonly readOnly?: boolean | undefined;
  /** Whether it has a terminal of its own, which this process's standard input and output are connected to. */
  readonly terminal?: boolean | undefined;
  /** Of the container's standard input, output and error, as for `child_process.spawn`; default: this process's own. */
  readonly stdio?: StdioOptions | undefined;
}

/** What is run. */
export interface Started {
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly user: string;
  readonly workingFolder: string;
  readonly volumes: readonly Volume[];
}

/** As most distributions of Linux have it. */
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * As Docker does it: a command of one's own takes the place of `Cmd`, and an entry point of one's own takes `Cmd` away.
 * @throws {LaminixError} ERR_MOUNT where there is nothing to run, and for volumes that cannot be
 */
export function startedBy(config: JsonObject, options: ContainerOptions): Started {
  const { entrypoint, env = [], user, workdir, volumes = [] } = options;
  const cmd = options.command ?? (entrypoint ? [] : textsIn(config, "Cmd"));
  const command = [...(entrypoint ?? textsIn(config, "Entrypoint")), ...cmd];
  if (command.length === 0 || command[0] === "") {
    throw new LaminixError("ERR_MOUNT", "there is nothing to run: the image has neither Cmd nor Entrypoint", {
      hint: "give a command, on the command line after --",
    });
  }
  return {
    command,
    environment: byName([PATH, ...textsIn(config, "Env"), ...env]),
    user: user ?? textIn(config, "User") ?? "",
    workingFolder: workdir ?? textIn(config, "WorkingDir") ?? "/",
    volumes: inOrder(volumes),
  };
}

/** The last value of each. */
function byName(variables: readonly string[]): string[] {
  return [...new Map(variables.map((variable) => [variable.split("=", 1)[0], variable])).values()];
}

/** Outer ones first, so that none hides another. */
function inOrder(volumes: readonly Volume[]): Volume[] {
  const targets = new Set<string>();
  for (const { target } of volumes) {
    const normal = target.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
    if (normal === "/" || normal.split("/").some((part) => part === ".." || part === "."))
      throw cannotMount(target, "a volume cannot be there");
    if (targets.has(normal)) throw cannotMount(target, "there are two volumes for it");
    targets.add(normal);
  }
  requireSources(volumes);
  const depth = ({ target }: Volume): number => target.split("/").length;
  return [...volumes].sort((one, other) => depth(one) - depth(other));
}

/** @throws {LaminixError} ERR_MOUNT */
export function requireSources(volumes: readonly Volume[]): void {
  const missing = volumes.find(({ source }) => !statSync(source, { throwIfNoEntry: false }));
  if (missing) throw cannotMount(missing.source, "it is not there");
}

function cannotMount(path: string, why: string): LaminixError {
  return new LaminixError("ERR_MOUNT", `${path} cannot be mounted: ${why}`, { details: { path } });
}

const CONTAINER_KEYS = keysOf<ContainerOptions>({
  ...{ store: true, signal: true, onProgress: true, registries: true, maxUnpacked: true },
  ...{ command: true, entrypoint: true, env: true, user: true, workdir: true, volumes: true },
  ...{ network: true, readOnly: true, terminal: true, stdio: true },
});

/**
 * @param more keys of the caller's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkContainerOptions(options: ContainerOptions, more: readonly string[] = []): void {
  requireKnown(options, [...CONTAINER_KEYS, ...more]);
  checkGiven(options, "options", {
    command: requireStrings,
    entrypoint: requireStrings,
    env: requireVariables,
    user: requireString,
    workdir: requireAbsolute,
    volumes: requireVolumes,
    network: (value, argument) => {
      requireOneOf(value, NETWORKS, argument);
    },
    readOnly: requireBoolean,
    terminal: requireBoolean,
  });
}

function requireVariables(value: unknown, argument: string): void {
  requireStrings(value, argument);
  const bad = value.findIndex((each) => each.indexOf("=") < 1);
  if (bad >= 0) throw new ArgumentError(`${argument}[${String(bad)}]`, "NAME=value", value[bad]);
}

function requireVolumes(value: unknown, argument: string): void {
  if (!Array.isArray(value)) throw new ArgumentError(argument, "an array of volumes", value);
  for (const [i, volume] of (value as readonly unknown[]).entries()) {
    const at = `${argument}[${String(i)}]`;
    requireKnown(volume, ["source", "target", "readOnly"], at);
    const { source, target } = volume as Readonly<Record<string, unknown>>;
    requireAbsolute(source, `${at}.source`);
    requireAbsolute(target, `${at}.target`);
    checkGiven(volume, at, { readOnly: requireBoolean });
  }
}
