/** Building, and what there would be to build. */
import { LaminixError } from "../errors.js";
import type { Connection } from "./connection.js";
import type { NativeBuildResult } from "./native.js";
import { type StorePath, toStorePath } from "./storePath.js";
import { applySettings, type BuildSettings, listenerOf, type WorkOptions } from "./work.js";

export interface BuildOptions extends WorkOptions, BuildSettings {
  /** `repair` builds again what is damaged, `check` what is valid, to compare; both for trusted users only. */
  readonly mode?: "normal" | "repair" | "check";
}

/** Nix's `BuildResult::Status` by number. */
const statuses = [
  "built",
  "substituted",
  "already-valid",
  "permanent-failure",
  "input-rejected",
  "output-rejected",
  "transient-failure",
  "cached-failure",
  "timed-out",
  "misc-failure",
  "dependency-failed",
  "log-limit-exceeded",
  "not-deterministic",
  "resolves-to-already-valid",
  "no-substituters",
] as const;

export type BuildStatus = (typeof statuses)[number] | "unknown";

const successes: readonly BuildStatus[] = [
  "built",
  "substituted",
  "already-valid",
  "resolves-to-already-valid",
];

export interface BuildResult {
  /** A derivation, or a path that was to be substituted. */
  readonly path: StorePath;
  readonly status: BuildStatus;
  readonly success: boolean;
  /** Why it failed; empty if it did not. */
  readonly message: string;
  /** The derivation's outputs by name, those that were wanted and are known. */
  readonly outputs: ReadonlyMap<string, StorePath>;
  /** Unix seconds; 0 where nothing was built. */
  readonly startTime: number;
  readonly stopTime: number;
  /** Seconds, where the daemon tells. */
  readonly cpuUser?: number;
  readonly cpuSystem?: number;
}

/** What is to be built: outputs of a derivation, or a path. */
export interface Target {
  readonly path: StorePath;
  /** Names; all of them where `undefined`. Of no meaning for a path that is no derivation. */
  readonly outputs: readonly string[] | undefined;
}

const MODES = { normal: 0, repair: 1, check: 2 } as const;
const OUTPUTS = /^(.*\.drv)[!^]([^!^/]+)$/;

/**
 * @param text a store path; for a derivation all its outputs, or after `^` (or `!`) those named, as in
 *   `/nix/store/…-hello.drv^out,dev`
 * @throws {LaminixError} ERR_STORE_PATH, ERR_OUTSIDE_STORE
 */
export function parseTarget(text: string, storeDir: string): Target {
  const [, derivation = text, outputs = "*"] = OUTPUTS.exec(text) ?? [];
  return {
    path: toStorePath(derivation, storeDir),
    outputs: outputs === "*" ? undefined : outputs.split(","),
  };
}

/** As the daemon's protocol has it. */
export function formatTarget({ path, outputs }: Target): string {
  return path.endsWith(".drv") ? `${path}!${outputs?.join(",") ?? "*"}` : path;
}

/** @throws {LaminixError} ERR_BUILD, with `details.results`, when one of them failed */
export async function build(
  connection: Connection,
  targets: readonly Target[],
  options: BuildOptions,
): Promise<BuildResult[]> {
  await applySettings(connection, options, options);
  const results = await buildWithResults(connection, targets, options);
  const failed = results.filter(({ success }) => !success);
  if (failed.length === 0) return results;
  const [first] = failed;
  throw new LaminixError(
    "ERR_BUILD",
    `${String(first?.path)} could not be built: ${first?.message || String(first?.status)}` +
      (failed.length > 1 ? `, and ${failed.length - 1} more` : ""),
    {
      details: { results },
      hint: `\`nix-store --read-log ${String(first?.path)}\` prints what its builder said`,
    },
  );
}

async function buildWithResults(
  connection: Connection,
  targets: readonly Target[],
  options: BuildOptions,
): Promise<BuildResult[]> {
  const request = { targets: targets.map(formatTarget), mode: MODES[options.mode ?? "normal"] };
  if (connection.handshake.minor < BUILDS_WITH_RESULTS) {
    // An older daemon says that all went well, or throws.
    await connection.call((native) => native.ask("buildPaths", request, listenerOf(options)), options);
    return Promise.all(
      targets.map(async (target) => ({
        path: target.path,
        status: "unknown" as const,
        success: true,
        message: "",
        outputs: await outputsOf(connection, target, options),
        startTime: 0,
        stopTime: 0,
      })),
    );
  }
  const results = await connection.call(
    (native) => native.ask("buildPathsWithResults", request, listenerOf(options)),
    options,
  );
  return Promise.all(
    results.map(async (result) => {
      const target = targetOf(result);
      return resultOf(result, target, await outputsOf(connection, target, options));
    }),
  );
}

/** The minor version from which on daemons tell how each build went. */
const BUILDS_WITH_RESULTS = 34;

function targetOf({ target }: NativeBuildResult): Target {
  const [path = "", outputs = "*"] = target.split("!");
  return { path: path as StorePath, outputs: outputs === "*" ? undefined : outputs.split(",") };
}

function resultOf(result: NativeBuildResult, { path }: Target, outputs: BuildResult["outputs"]): BuildResult {
  const { message, startTime, stopTime, cpuUser, cpuSystem } = result;
  const status = statuses[result.status] ?? "unknown";
  return {
    path,
    status,
    success: successes.includes(status),
    message,
    outputs,
    startTime,
    stopTime,
    ...(cpuUser !== null && { cpuUser: cpuUser / 1e6 }),
    ...(cpuSystem !== null && { cpuSystem: cpuSystem / 1e6 }),
  };
}

/** Asked of the daemon: what a result itself tells of outputs is for content-addressed ones, in several formats. */
async function outputsOf(
  connection: Connection,
  { path, outputs }: Target,
  options: WorkOptions,
): Promise<Map<string, StorePath>> {
  if (!path.endsWith(".drv")) return new Map();
  const all = await connection.call((native) => native.ask("derivationOutputs", { path }), options);
  const wanted = all.flatMap((output) =>
    output.path !== null && (outputs?.includes(output.name) ?? true)
      ? [[output.name, output.path] as const]
      : [],
  );
  return new Map(wanted);
}
