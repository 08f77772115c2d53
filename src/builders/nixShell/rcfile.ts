/**
 * What the shell runs before it asks for commands: what the program nix-shell has its shell run (Nix manual,
 * "nix-shell"), for an environment that is set already.
 */
import { shellQuoted } from "../../process/shell.js";

export interface RcfileOptions {
  readonly shell: string;
  /** Folders whose programs are found before all others. */
  readonly path: readonly string[];
  /** Bash that is run in place of asking for commands. */
  readonly command?: string | undefined;
}

export function rcfile({ shell, path, command }: RcfileOptions): string {
  const quoted = shellQuoted(shell);
  const lines = [
    // Setup begins its own; what it does not find there is not to be found.
    "unset PATH",
    // Who builds by hand builds again: configure scripts are to let make track what depends on what.
    "dontAddDisableDepTrack=1",
    'if [ -e "$stdenv/setup" ]; then source "$stdenv/setup"; fi',
    `PATH=${path.map(shellQuoted).join(":")}"\${PATH:+:$PATH}"`,
    "export PATH",
    `SHELL=${quoted}`,
    `BASH=${quoted}`,
    // Setup ends at the first command that fails, which a person at a prompt would not like.
    "set +e",
    `if [ -n "$PS1" ] && [ -z "$NIX_SHELL_PRESERVE_PROMPT" ]; then PS1='\\n\\[\\e[1;32m\\][nix-shell:\\w]\\$\\[\\e[0m\\] '; fi`,
    'if [ "$(type -t runHook)" = function ]; then runHook shellHook; else eval "$shellHook"; fi',
    "unset NIX_ENFORCE_PURITY TZ",
    "shopt -u nullglob",
    "shopt -s execfail",
    ...(command === undefined ? [] : [command, "exit"]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** A program that does what Nix would do to build the derivation. */
export function buildProgram(shell: string, builder: string, args: readonly string[]): string {
  return `#!${shell}\nexec ${[builder, ...args].map(shellQuoted).join(" ")}\n`;
}
