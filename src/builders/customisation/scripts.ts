/** Running a spec's scripts over the files that become an image's root. */
import { writeFileSync } from "node:fs";
import { LaminixError } from "../../errors.js";
import { run, type RunOptions } from "../../process/run.js";

/** The key of the spec that holds a script. */
export type ScriptName = "extraCommands" | "fakeRootCommands";

export interface ScriptOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears of every line that a script prints. */
  readonly onLine?: ((script: ScriptName, line: string) => void) | undefined;
}

/** Lines of a script's output that its error tells. */
const LAST_LINES = 10;

/** Ends at the first command that fails, as dockerTools' scripts do; files are made with the same modes everywhere. */
export const BASH = 'umask 022; exec bash -e -o pipefail "$@"';

/** Writes a script where bash can read it: arguments have a limit. @returns the file, which bash names in its messages */
export function scriptFile(folder: string, name: ScriptName, text: string): string {
  const file = `${folder}/${name}`;
  writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`);
  return file;
}

/**
 * Runs a program that runs a script.
 * @param options.folder has the script; its name is of no use to a reader
 * @throws {LaminixError} ERR_SCRIPT with `details`: `script`, `exitCode`, `output`, its last lines; ERR_PROGRAM where the
 *   program is not there
 */
export async function runScript(
  name: ScriptName,
  program: string,
  args: readonly string[],
  options: ScriptOptions & Pick<RunOptions, "cwd" | "env" | "hint"> & { readonly folder: string },
): Promise<void> {
  const { signal, onLine, folder, ...rest } = options;
  const last: string[] = [];
  const listen = (printed: string): void => {
    const line = printed.replaceAll(`${folder}/`, "");
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    onLine?.(name, line);
  };
  try {
    await run(program, args, {
      ...rest,
      ...(signal && { signal }),
      onStdoutLine: listen,
      onStderrLine: listen,
    });
  } catch (error) {
    throw scriptError(name, error, last);
  }
}

function scriptError(name: ScriptName, error: unknown, output: readonly string[]): unknown {
  if (!(error instanceof LaminixError) || error.code !== "ERR_PROGRAM") return error;
  const { exitCode, signal } = error.details;
  if (exitCode === undefined) return error;
  const how =
    typeof signal === "string"
      ? `was ended by ${signal}`
      : `failed with exit code ${JSON.stringify(exitCode)}`;
  const said = output.length === 0 ? "" : `; it said last:\n${output.map((line) => `  ${line}`).join("\n")}`;
  return new LaminixError("ERR_SCRIPT", `${name} ${how}${said}`, {
    cause: error,
    details: { script: name, exitCode, signal, output },
  });
}
