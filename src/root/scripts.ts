/** Running a spec's scripts over the files that become an image's root. */
import { readFileSync, writeFileSync } from "node:fs";
import { LaminixError } from "../errors.js";
import { readOwnFile } from "../files/optionalFile.js";
import {
  atLine,
  bashEnvironment,
  ENDS_AT_FIRST,
  failedLine,
  type FailedLine,
} from "../process/failedLine.js";
import { run, type RunOptions } from "../process/run.js";
import type { ScriptName } from "../progress.js";

export interface ScriptOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears of every line that a script prints. */
  readonly onLine?: ((script: ScriptName, line: string) => void) | undefined;
}

/** Lines of a script's output that its error tells. */
const LAST_LINES = 10;
/** Bytes of what bash may tell of failures. */
const MAX_RECORD = 1 << 20;

/** Ends at the first command that fails, as dockerTools' scripts do; files are made with the same modes everywhere. */
export const BASH = 'umask 022; BASH_ENV=$1.env exec bash -e -o pipefail "$1"';

export interface Script {
  readonly name: ScriptName;
  readonly text: string;
  /** Bash names it in its messages. */
  readonly file: string;
  /** Where bash tells which command has ended it. */
  readonly record: string;
}

/** Writes a script where bash can read it: arguments have a limit. */
export function scriptFile(folder: string, name: ScriptName, text: string): Script {
  const file = `${folder}/${name}`;
  const record = `${file}.failed`;
  writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`);
  writeFileSync(`${file}.env`, bashEnvironment(record, process.env.BASH_ENV));
  return { name, text, file, record };
}

export interface ScriptRun extends ScriptOptions, Pick<RunOptions, "cwd" | "env" | "hint"> {
  /** Has the script; its name is of no use to a reader. */
  readonly folder: string;
  /**
   * Where the program writes the script's exit code at its end, where its own cannot be relied on: proot's is that of
   * whatever ended last in it, such as fakeroot's daemon.
   */
  readonly exitCodeFile?: string;
}

/**
 * Runs a program that runs a script.
 * @throws {LaminixError} ERR_SCRIPT with `details`: `script`, `exitCode`, `output`, its last lines, and `failed`, the line
 *   that ended it; ERR_PROGRAM where the program is not there
 */
export async function runScript(
  script: Script,
  program: string,
  args: readonly string[],
  options: ScriptRun,
): Promise<void> {
  const { signal, onLine, folder, exitCodeFile, ...rest } = options;
  const { name } = script;
  const output: string[] = [];
  const listen = (printed: string): void => {
    const line = printed.replaceAll(`${folder}/`, "");
    output.push(line);
    if (output.length > LAST_LINES) output.shift();
    onLine?.(name, line);
  };
  const ending = await endingOf(
    run(program, args, {
      ...rest,
      strays: "end",
      ...(signal && { signal }),
      onStdoutLine: listen,
      onStderrLine: listen,
    }),
  );
  const exitCode = exitCodeFile === undefined ? ending.exitCode : exitCodeIn(exitCodeFile);
  if (exitCode !== 0) throw scriptError(script, { ...ending, exitCode }, output);
}

interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly cause?: LaminixError;
}

async function endingOf(running: Promise<unknown>): Promise<Ending> {
  try {
    await running;
    return { exitCode: 0, signal: null };
  } catch (error) {
    const isEnding = error instanceof LaminixError && error.code === "ERR_PROGRAM";
    if (!isEnding || error.details.exitCode === undefined) throw error;
    const { exitCode, signal } = error.details as unknown as Ending;
    return { exitCode, signal, cause: error };
  }
}

/** `null` where the program did not get so far. */
function exitCodeIn(file: string): number | null {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10);
  } catch {
    return null;
  }
}

function failedIn({ text, file, record }: Script, exitCode: number): FailedLine | undefined {
  const told = readOwnFile(record, MAX_RECORD)?.toString() ?? "";
  return failedLine(told, { file, script: text, exitCode });
}

function scriptError(
  script: Script,
  { exitCode, signal, cause }: Ending,
  output: readonly string[],
): LaminixError {
  const ended = signal === null ? "did not come to its end" : `was ended by ${signal}`;
  const failed = exitCode === null ? undefined : failedIn(script, exitCode);
  const how = exitCode === null ? ended : `failed with exit code ${String(exitCode)}${atLine(failed)}`;
  const lastLines =
    output.length === 0 ? "" : `; it said last:\n${output.map((line) => `  ${line}`).join("\n")}`;
  return new LaminixError("ERR_SCRIPT", `${script.name} ${how}${lastLines}`, {
    cause,
    ...(exitCode !== null && { hint: ENDS_AT_FIRST }),
    details: { script: script.name, exitCode, signal, output, failed },
  });
}
