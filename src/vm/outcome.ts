/** How a script that ran as root came to its end, and the error that tells of it. */
import { LaminixError } from "../errors.js";
import { atLine, ENDS_AT_FIRST, failedLine, type FailedLine } from "../process/failedLine.js";
import type { RootScriptSpec } from "./rootScript.js";
import { SCRIPT } from "./stage.js";

export interface Ending {
  /** What the stage reported, by its words. */
  readonly report: ReadonlyMap<string, string>;
  /** Without a report: the last message of the kernel. */
  readonly panic?: string | undefined;
  /** The script's last lines. */
  readonly output: readonly string[];
  readonly script: RootScriptSpec;
  /** What its shell told of commands that failed. */
  readonly told: string;
}

/** @param text lines `WORD=VALUE` */
export function parseReport(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

/** What `reboot` in a namespace of its own ends the namespace's first process with: SIGHUP, SIGINT. */
const STOPPED = ["129", "130"];
const NO_MEMORY = /Cannot allocate memory|[Oo]ut of memory/;
const NO_SPACE = /No space left on device/;

/** @returns nothing where the script has done what it should */
export function failureOf(ending: Ending): LaminixError | undefined {
  const { report, output, script, told } = ending;
  const { memory, diskSize } = script;
  const code = report.get("code");
  const problem = report.get("problem");
  if (problem !== undefined)
    return new LaminixError("ERR_UNSUPPORTED", `runAsRoot cannot be run: ${problem}`, {
      details: { problem },
    });
  if (report.has("emptied")) {
    return failed(ending, "ERR_SCRIPT_ROOT", "runAsRoot has deleted all that was in the image's root");
  }
  if (code === "0") return undefined;
  if (report.has("forks")) {
    return failed(
      ending,
      "ERR_MACHINE_PROCESSES",
      "runAsRoot started more processes than the machine has room for",
      {
        hint: `a script that needs as many needs more memory: buildVMMemorySize is ${String(memory)} (MiB)`,
      },
    );
  }
  if (report.has("killed") || output.some((line) => NO_MEMORY.test(line))) {
    return failed(ending, "ERR_MACHINE_MEMORY", `runAsRoot needs more memory than ${String(memory)} MiB`, {
      hint: "make buildVMMemorySize larger",
    });
  }
  if (report.has("full") || output.some((line) => NO_SPACE.test(line))) {
    return failed(
      ending,
      "ERR_MACHINE_DISK",
      `runAsRoot needs more room than a disk of ${String(diskSize)} MiB has`,
      {
        hint: "make diskSize larger",
      },
    );
  }
  if (code === undefined) return ended(ending);
  if (STOPPED.includes(code)) return stopped(ending);
  const exitCode = Number(code);
  const line = failedLine(told, { file: SCRIPT, script: script.text, exitCode });
  return failed(ending, "ERR_SCRIPT", `runAsRoot failed with exit code ${code}${atLine(line)}`, {
    hint: ENDS_AT_FIRST,
    failed: line,
  });
}

function ended(ending: Ending): LaminixError {
  const { panic } = ending;
  if (panic === undefined) return stopped(ending);
  return failed(ending, "ERR_MACHINE_PANIC", `the virtual machine's kernel could not go on: ${panic}`);
}

function stopped(ending: Ending): LaminixError {
  return failed(
    ending,
    "ERR_MACHINE_STOPPED",
    "runAsRoot has stopped or restarted the machine before it was done",
  );
}

function failed(
  { report, output }: Ending,
  code: ConstructorParameters<typeof LaminixError>[0],
  message: string,
  about: { readonly hint?: string; readonly failed?: FailedLine | undefined } = {},
): LaminixError {
  const lastLines =
    output.length === 0 ? "" : `; it said last:\n${output.map((line) => `  ${line}`).join("\n")}`;
  const exitCode = report.get("code");
  return new LaminixError(code, `${message}${lastLines}`, {
    ...(about.hint !== undefined && { hint: about.hint }),
    details: {
      ...{ script: "runAsRoot", exitCode: exitCode === undefined ? null : Number(exitCode), output },
      failed: about.failed,
    },
  });
}
