/** How a shell in an image is wanted. */
import { checkGiven, keysOf, requireCount, requireOptions, requireString } from "../../arguments.js";
import { ArgumentError, LaminixError } from "../../errors.js";
import { requireAbsolutePath } from "../../spec/pieces/checks.js";

export interface NixShellOptions {
  /** The image's; the derivation's with `-env` unless given. */
  readonly name?: string | undefined;
  /** A hash of all that is in the image unless given. */
  readonly tag?: string | undefined;
  /** The user that the shell runs as; 1000 unless given. */
  readonly uid?: number | undefined;
  /** 1000 unless given. */
  readonly gid?: number | undefined;
  /** `/build` unless given, where the shell begins. Another one is not made: it need not be there. */
  readonly homeDirectory?: string | undefined;
  /** A bash; the derivation's builder if it is one. */
  readonly shell?: string | undefined;
  /** Bash that an interactive shell runs before it ends; `return` at its end keeps it open. */
  readonly command?: string | undefined;
  /** Bash that a shell runs that is not interactive. */
  readonly run?: string | undefined;
  /** What `/bin/sh` is; the shell unless given. */
  readonly binSh?: string | undefined;
  /** A package with `bin/env`, or the path of an `env`, for `/usr/bin/env`, which is not there unless given. */
  readonly usrBinEnv?: string | undefined;
}

export const SHELL_KEYS = keysOf<NixShellOptions>({
  ...{ name: true, tag: true, uid: true, gid: true, homeDirectory: true, shell: true, command: true },
  ...{ run: true, binSh: true, usrBinEnv: true },
});

/** Linux' largest, which is no user. */
const NOBODY_AT_ALL = 0xffff_ffff;

/** @throws {ArgumentError} ERR_ARGUMENT @throws {LaminixError} ERR_UNSUPPORTED where both `command` and `run` are given */
export function checkNixShellOptions(options: NixShellOptions): void {
  requireOptions(options);
  checkGiven(options, "options", {
    name: requireString,
    tag: requireString,
    uid: requireId,
    gid: requireId,
    homeDirectory: requireHome,
    shell: requireAbsolutePath,
    command: requireString,
    run: requireString,
    binSh: requireAbsolutePath,
    usrBinEnv: requireAbsolutePath,
  });
  if (options.command === undefined || options.run === undefined) return;
  throw new LaminixError("ERR_UNSUPPORTED", "a shell runs either command or run, not both", {
    hint: "command is for an interactive shell, run for one that is not",
  });
}

function requireId(value: unknown, argument: string): void {
  requireCount(value, argument);
  if (value >= NOBODY_AT_ALL) throw new ArgumentError(argument, `less than ${NOBODY_AT_ALL}`, value);
}

/** A home stands in a line of `/etc/passwd`. */
function requireHome(value: unknown, argument: string): void {
  requireAbsolutePath(value, argument);
  if (/[:\n]/.test(value)) throw new ArgumentError(argument, "a path without : and line feeds", value);
}
