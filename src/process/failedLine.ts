/**
 * Which line of a shell's script made it end. Bash tells what ends it to a trap (Bash manual, "trap", ERR), which it is
 * given before the script begins, in a file of its own, so that the script's lines keep their numbers.
 */
import { shellQuoted } from "./shell.js";

/** A command of a script that failed. */
export interface FailedLine {
  /** From 1. */
  readonly line: number;
  /** The line, or the command where it is one of several lines. */
  readonly text: string;
}

/** Characters of a command that messages show. */
const MAX_TEXT = 200;

/**
 * Sets the trap in bash. Only where a failure ends the script is anything recorded: with `-e`, and not in what `||`, `if`
 * and the like ask.
 * @param record a file that is made when a command fails
 */
export function bashTrap(record: string): string {
  const facts = '"$?" "$LINENO" "$BASH_SUBSHELL" "$BASH_COMMAND" "${#BASH_SOURCE[@]}"';
  const frames = '"${BASH_LINENO[@]}" "${BASH_SOURCE[@]}"';
  const action = `case $- in *e*) builtin printf '%s\\0' ${facts} ${frames} 2>/dev/null >>${shellQuoted(record)} || :; esac`;
  return `set -E\ntrap ${shellQuoted(action)} ERR\n`;
}

/** The same for a file that `BASH_ENV` names; the caller's own has its turn before it. */
export function bashEnvironment(record: string, outer: string | undefined): string {
  if (outer === undefined || outer === "") return `unset BASH_ENV\n${bashTrap(record)}`;
  return `BASH_ENV=${shellQuoted(outer)}\n[ ! -r "$BASH_ENV" ] || . "$BASH_ENV"\n${bashTrap(record)}`;
}

/**
 * For a shell that is called `sh`, which may be bash, busybox's, or one that tells nothing: what it runs in place of the
 * script, whose file is `$0`.
 * @param tools a folder with `readlink`, and busybox under its other names
 */
export function shellProgram(record: string, tools: string): string {
  const place = shellQuoted(record);
  const facts = '"$1" "$LINENO" 0 "" 0';
  const action = `set -- $?; [ "$1" = 0 ] || printf '%s\\0' ${facts} 2>/dev/null >>${place} || :; exit "$1"`;
  return [
    'if [ -n "$BASH_VERSION" ]; then',
    bashTrap(record).trimEnd(),
    `else case $(${tools}/readlink /proc/$$/exe) in */busybox | ${tools}/*) trap ${shellQuoted(action)} EXIT ;; esac; fi`,
    '. "$0"',
  ].join("\n");
}

interface Failure {
  readonly status: number;
  readonly line: number;
  readonly depth: number;
  readonly command: string;
  /** Lines and files of what called what, the innermost first. */
  readonly lines: readonly number[];
  readonly files: readonly string[];
}

/**
 * @param record what the trap has written
 * @param file the script's, as its shell was told
 * @param script its text
 * @returns `undefined` where nothing is known, as where a script ends by `exit`
 */
export function failedLine(
  record: string,
  { file, script, exitCode }: { readonly file: string; readonly script: string; readonly exitCode: number },
): FailedLine | undefined {
  const failures = parse(record);
  const last = failures.findLastIndex(({ depth }) => depth === 0);
  const outer = failures[last];
  if (outer?.status !== exitCode) return undefined;
  // Of a failure in parentheses bash tells twice: of the command, and of all that is in them, by its last line.
  const before = failures[last - 1];
  const isWithin =
    outer.command.startsWith("(") &&
    before !== undefined &&
    before.depth > 0 &&
    outer.command.includes(before.command);
  const failure = isWithin ? before : outer;
  const { line, text } = commandAt(script, lineIn(file, failure));
  // Of a pipe bash tells its last command.
  const { command } = failure;
  const isOne = command !== "" && text.includes(command) && !text.includes("|");
  const shown = isOne || text === "" ? command : text;
  return line === 0
    ? undefined
    : { line, text: shown.length > MAX_TEXT ? `${shown.slice(0, MAX_TEXT)}…` : shown };
}

/** A line with those that it goes on in, or goes on from, by a backslash. */
function commandAt(script: string, line: number): FailedLine {
  const lines = script.split("\n");
  const goesOn = (at: number): boolean => lines[at - 1]?.endsWith("\\") ?? false;
  let first = line;
  let last = line;
  while (goesOn(first - 1)) first--;
  while (goesOn(last)) last++;
  const parts = lines.slice(Math.max(0, first - 1), last);
  return { line: first, text: parts.map((part) => part.replace(/\\$/, "").trim()).join(" ") };
}

/** The line of the script that ran, or that called what did. */
function lineIn(file: string, { line, lines, files }: Failure): number {
  const frame = files.indexOf(file);
  return frame < 1 ? line : (lines[frame - 1] ?? line);
}

function parse(record: string): Failure[] {
  const fields = record.split("\0");
  const failures: Failure[] = [];
  for (let at = 0; at + 5 <= fields.length - 1;) {
    const [status, line, depth, command = "", count] = fields.slice(at, at + 5);
    const frames = Number(count);
    const lines = fields.slice(at + 5, at + 5 + frames).map(Number);
    const files = fields.slice(at + 5 + frames, at + 5 + 2 * frames);
    failures.push({
      status: Number(status),
      line: Number(line),
      depth: Number(depth),
      command,
      lines,
      files,
    });
    at += 5 + 2 * Math.max(0, frames || 0);
  }
  return failures;
}

/** What a message says after how a script ended. */
export function atLine(failed: FailedLine | undefined): string {
  return failed === undefined ? "" : ` at line ${String(failed.line)}: ${failed.text}`;
}

export const ENDS_AT_FIRST =
  "a script ends at its first command that fails; where one may fail, write: COMMAND || true";
