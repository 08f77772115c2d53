/** How a container came to its end. */
import { constants } from "node:os";
import { LaminixError } from "../../errors.js";
import { textIfThere } from "../../files/optionalFile.js";
import { parseReport } from "../../vm/outcome.js";

export interface ContainerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the program that enters namespaces reported. */
  readonly status: string;
  /** What was printed before it was started. */
  readonly messages: string;
}

/**
 * @returns as a shell reports it
 * @throws {LaminixError} ERR_MOUNT where something of the image or of this system was in the way; ERR_NAMESPACE
 */
export function exitStatus({ code, signal, status, messages }: ContainerEnd): number {
  const report = parseReport(status);
  const reported = report.get("code");
  if (reported !== undefined) return Number(reported);
  const problem = report.get("problem");
  if (problem !== undefined) {
    throw new LaminixError("ERR_MOUNT", `the container cannot be started: ${problem}`, {
      details: { problem },
      ...hintFor(problem),
    });
  }
  if (signal !== null) return 128 + constants.signals[signal];
  const lastLine = report.get("failure") ?? messages.trimEnd().split("\n").at(-1) ?? "";
  throw new LaminixError("ERR_NAMESPACE", `no namespaces can be had for a container here: ${lastLine}`, {
    details: { exitCode: code, messages },
    hint: settingInTheWay() ?? "--with docker, or --with podman, runs it in an engine",
  });
}

function hintFor(problem: string): { readonly hint?: string } {
  if (problem.includes("is not mapped"))
    return { hint: "give the user subordinate ids (subuid(5), newuidmap), or run it as another user" };
  if (problem.includes("No such file"))
    return { hint: "nix-store --verify --check-contents finds store paths whose files are gone" };
  return {};
}

/** Settings that keep ordinary users from namespaces, and the value that does. */
const SETTINGS = [
  { file: "user/max_user_namespaces", closed: "0", open: "15000" },
  { file: "kernel/unprivileged_userns_clone", closed: "0", open: "1" },
  { file: "kernel/apparmor_restrict_unprivileged_userns", closed: "1", open: "0" },
] as const;

/** What to do where one of them does. */
export function settingInTheWay(): string | undefined {
  const found = SETTINGS.find(({ file, closed }) => textIfThere(`/proc/sys/${file}`).trim() === closed);
  if (!found) return undefined;
  const name = found.file.replace("/", ".");
  return `user namespaces are switched off: as root, sysctl -w ${name}=${found.open}; or use --with docker`;
}
