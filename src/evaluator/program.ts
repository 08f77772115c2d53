/** Nix's programs, and what all calls of them have in common. */
import { keysOf, requireKnown, requireOptions, requireString, requireStrings } from "../arguments.js";
import { ArgumentError, LaminixError } from "../errors.js";
import { run } from "../process/run.js";
import type { NixStore } from "../store/nixStore.js";
import type { LogEvent } from "./log.js";
import { Transcript } from "./transcript.js";

export interface NixProgramOptions {
  /** The store, or its URL, as Nix's `--store` takes it; what Nix finds by itself unless given, or `auto`. */
  readonly store?: string | Pick<NixStore, "url">;
  /** Places for `<…>` paths, searched before those of `NIX_PATH`: a folder, or `name=folder`. */
  readonly include?: readonly string[];
  /** Settings of nix.conf, for this call. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Added to this process's environment for the program; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths start from; this process's unless given. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Called with Nix's log events. */
  readonly onLog?: (event: LogEvent) => void;
}

const PROGRAM_KEYS = keysOf<NixProgramOptions>({
  ...{ store: true, include: true, settings: true, env: true, cwd: true, signal: true, onLog: true },
});

/**
 * @param more keys of the caller's own
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function checkOptions(options: NixProgramOptions, more: readonly string[] = []): void {
  requireKnown(options, [...PROGRAM_KEYS, ...more]);
  const { store, include, settings, env, cwd, onLog } = options;
  if (store !== undefined) {
    const isObject = typeof store === "object" && (store as unknown) !== null;
    requireString(isObject ? store.url : store, "options.store");
  }
  if (include !== undefined) requireStrings(include, "options.include");
  if (cwd !== undefined) requireString(cwd, "options.cwd");
  if (onLog !== undefined && typeof onLog !== "function")
    throw new ArgumentError("options.onLog", "a function", onLog);
  for (const [argument, record] of Object.entries({ "options.settings": settings, "options.env": env })) {
    if (record === undefined) continue;
    requireOptions(record, argument);
    for (const [name, value] of Object.entries(record)) {
      const mayBeMissing = record === env && value === undefined;
      if (!mayBeMissing) requireString(value, `${argument}.${name}`);
    }
  }
}

/** A text that becomes an argument of a program. */
export function requireText(value: unknown, argument: string): asserts value is string {
  requireString(value, argument);
  if (value === "" || value.includes("\0")) {
    throw new ArgumentError(argument, "a text without NUL characters that is not empty", value);
  }
}

export interface Invocation {
  readonly program: "nix" | "nix-instantiate" | "nix-store";
  /** What the program is to do: its subcommand or mode, and flags of it. */
  readonly command: readonly string[];
  /** What it is to do it with. */
  readonly operands: readonly string[];
  readonly input?: string;
}

/** Where there is no Nix. */
export const NIX_HINT = "install Nix (https://nixos.org/download), or add its programs' folder to PATH";

/**
 * Runs one of Nix's programs.
 * @param failure makes the error of what was said, where the program ran and failed
 * @returns what it printed
 * @throws {LaminixError} ERR_PROGRAM where it did not run, or printed too much; else what `failure` makes
 */
export async function runNix(
  { program, command, operands, input }: Invocation,
  options: NixProgramOptions,
  failure: (transcript: Transcript, cause: LaminixError) => LaminixError,
): Promise<Buffer> {
  const { env, cwd, signal, onLog } = options;
  const transcript = new Transcript(onLog);
  try {
    const { stdout } = await run(program, [...command, ...commonFlags(program, options), ...operands], {
      ...(env && { env }),
      ...(cwd !== undefined && { cwd }),
      ...(signal && { signal }),
      ...(input !== undefined && { input }),
      onStderrLine: (line) => {
        transcript.add(line);
      },
      hint: NIX_HINT,
    });
    return stdout;
  } catch (error) {
    const ran = error instanceof LaminixError && "exitCode" in error.details;
    throw ran ? failure(transcript, error) : error;
  }
}

/** What all of Nix's programs are told. */
export function commonFlags(
  program: Invocation["program"],
  options: Pick<NixProgramOptions, "store" | "include" | "settings">,
): string[] {
  const url = typeof options.store === "object" ? options.store.url : options.store;
  return [
    "--log-format",
    "internal-json",
    "--show-trace",
    ...(program === "nix" ? ["--extra-experimental-features", "nix-command flakes"] : []),
    ...(url === undefined || url === "auto" ? [] : ["--store", url]),
    // nix-store evaluates nothing.
    ...(program === "nix-store" ? [] : (options.include ?? []).flatMap((place) => ["-I", place])),
    ...Object.entries(options.settings ?? {}).flatMap(([name, value]) => ["--option", name, value]),
  ];
}
