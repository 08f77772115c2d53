/** Long work on a connection of its own, with what the daemon tells meanwhile. */
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireCount,
  requireFunction,
  requireOptions,
  requireString,
} from "../arguments.js";
import type { CallOptions, Connection } from "./connection.js";
import type { Connections } from "./connections.js";
import { eventsTo, type OnStoreEvent } from "./events.js";
import type { NativeMessage, NativeOperations } from "./native.js";

export interface WorkOptions extends CallOptions {
  /** Told what the daemon does meanwhile. */
  readonly onProgress?: OnStoreEvent | undefined;
}

/** How a daemon builds. Missing options are taken from the daemon's own configuration. */
export interface BuildSettings {
  /** Keeps the folder of a failed build. */
  readonly keepFailed?: boolean;
  /** Continues with what does not depend on a failed build. */
  readonly keepGoing?: boolean;
  /** Builds what substituters fail to provide. */
  readonly fallback?: boolean;
  /** Builds at a time; default: 1. */
  readonly maxJobs?: number;
  /** The number of cores that a build is told to use; default: 0, all of them. */
  readonly cores?: number;
  /** Seconds that a build may be silent; default: 0, no limit. */
  readonly maxSilentTime?: number;
  readonly substitute?: boolean;
  /** Settings of nix.conf; a daemon lets only trusted users change most of them. */
  readonly overrides?: Readonly<Record<string, string>>;
}

export const WORK_KEYS = keysOf<WorkOptions>({ signal: true, onProgress: true });

export const BUILD_SETTINGS_KEYS = keysOf<BuildSettings>({
  ...{ keepFailed: true, keepGoing: true, fallback: true, maxJobs: true, cores: true, maxSilentTime: true },
  ...{ substitute: true, overrides: true },
});

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkWorkOptions(options: WorkOptions): void {
  requireOptions(options);
  checkGiven(options, "options", { onProgress: requireFunction });
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkBuildSettings(settings: BuildSettings): void {
  checkGiven(settings, "options", {
    keepFailed: requireBoolean,
    keepGoing: requireBoolean,
    fallback: requireBoolean,
    maxJobs: requireCount,
    cores: requireCount,
    maxSilentTime: requireCount,
    substitute: requireBoolean,
    overrides: (value, argument) => {
      requireOptions(value, argument);
      for (const [name, text] of Object.entries(value)) requireString(text, `${argument}.${name}`);
    },
  });
}

/** Nix's `Verbosity`: warnings and what builds print, or nothing. */
const INFO = 3;
const ERRORS_ONLY = 0;
const VERBOSE_BUILDS = 0;
const QUIET_BUILDS = 7;

/** One operation on a connection of its own. */
export function work<Name extends keyof NativeOperations>(
  connections: Connections,
  operation: Name,
  request: NativeOperations[Name][0],
  options: WorkOptions,
  settings: BuildSettings = {},
): Promise<NativeOperations[Name][1]> {
  return connections.exclusive(async (connection) => {
    const [, answer] = await Promise.all([
      applySettings(connection, settings, options),
      connection.call((native) => native.ask(operation, request, listenerOf(options)), options),
    ]);
    return answer;
  }, options);
}

export function listenerOf({ onProgress }: WorkOptions): ((message: NativeMessage) => void) | undefined {
  return onProgress && eventsTo(onProgress);
}

/** A connection may have served others, with other settings. */
export async function applySettings(
  connection: Connection,
  settings: BuildSettings,
  options: WorkOptions,
): Promise<void> {
  if (connection.handshake.features.includes("disable-set-options")) return;
  const hears = options.onProgress !== undefined;
  await connection.call(
    (native) =>
      native.ask("setOptions", {
        keepFailed: settings.keepFailed ?? false,
        keepGoing: settings.keepGoing ?? false,
        tryFallback: settings.fallback ?? false,
        verbosity: hears ? INFO : ERRORS_ONLY,
        maxBuildJobs: settings.maxJobs ?? 1,
        maxSilentTime: settings.maxSilentTime ?? 0,
        buildLogLevel: hears ? VERBOSE_BUILDS : QUIET_BUILDS,
        buildCores: settings.cores ?? 0,
        useSubstitutes: settings.substitute ?? true,
        overrides: Object.entries(settings.overrides ?? {}).map(([name, value]) => ({ name, value })),
      }),
    options,
  );
}
