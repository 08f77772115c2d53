/** What shadow's programs, such as `useradd`, find and expect in an image that has no accounts yet. */
import { checkGiven, requireKnown } from "../../arguments.js";
import { shellQuoted } from "../../process/shell.js";
import { requireAbsolutePath, withoutSlashes } from "./checks.js";

export interface ShadowSetupOptions {
  /** The package shadow, whose programs are then found first. */
  readonly shadow?: string | undefined;
  /** Root's shell; `/bin/sh` unless given. */
  readonly shell?: string | undefined;
}

/** Rules for programs that have none of their own (pam.conf(5)): root may do all, passwords are hashed with yescrypt. */
const PAM = [
  "auth sufficient pam_rootok.so",
  "account sufficient pam_unix.so",
  "password requisite pam_unix.so nullok yescrypt",
  "session required pam_unix.so",
];

/**
 * A script in bash that makes `useradd`, `groupadd` and their like work: it writes the files of accounts that are
 * missing, with root alone in them, rules for PAM, and an empty `/etc/login.defs`. What is there already stays. It is
 * for `fakeRootCommands` with `enableFakechroot`, and for `runAsRoot`: `/` must be the image's root.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function shadowSetup(options: ShadowSetupOptions = {}): string {
  requireKnown(options, ["shadow", "shell"]);
  checkGiven(options, "options", { shadow: requireAbsolutePath, shell: requireAbsolutePath });
  const { shadow, shell = "/bin/sh" } = options;
  const lines = [
    ...(shadow === undefined ? [] : [`export PATH=${shellQuoted(`${withoutSlashes(shadow)}/bin`)}:$PATH`]),
    "mkdir -p /etc/pam.d",
    writeIfMissing("/etc/passwd", [`root:x:0:0::/root:${shell}`]),
    writeIfMissing("/etc/shadow", ["root:!x:::::::"], "077"),
    writeIfMissing("/etc/group", ["root:x:0:"]),
    writeIfMissing("/etc/gshadow", ["root:x::"], "077"),
    writeIfMissing("/etc/pam.d/other", PAM),
    writeIfMissing("/etc/login.defs", []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function writeIfMissing(file: string, lines: readonly string[], umask = "022"): string {
  const text = lines.map((line) => `${line}\n`).join("");
  return `[ -e ${file} ] || (umask ${umask} && printf %s ${shellQuoted(text)} >${file})`;
}
