/** Accounts for programs that look up users by name. */
import { checkGiven, requireKnown, requireStrings } from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import type { Piece } from "./piece.js";

export interface FakeNssOptions {
  /** Lines of `/etc/passwd`, of seven fields with `:` between them (passwd(5)). */
  readonly extraPasswdLines?: readonly string[] | undefined;
  /** Lines of `/etc/group`, of four fields (group(5)). */
  readonly extraGroupLines?: readonly string[] | undefined;
}

/**
 * The users and groups root (0) and nobody (65534), those that are given between them, an `/etc/nsswitch.conf` that
 * looks names of hosts up in files and by DNS, and the empty folder that is everybody's home.
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function fakeNss(options: FakeNssOptions = {}): Piece {
  requireKnown(options, ["extraPasswdLines", "extraGroupLines"]);
  checkGiven(options, "options", { extraPasswdLines: linesOf(7), extraGroupLines: linesOf(4) });
  const { extraPasswdLines = [], extraGroupLines = [] } = options;
  const passwd = [
    "root:x:0:0:root user:/var/empty:/bin/sh",
    ...extraPasswdLines,
    "nobody:x:65534:65534:nobody:/var/empty:/bin/sh",
  ];
  const group = ["root:x:0:", ...extraGroupLines, "nobody:x:65534:"];
  return {
    files: {
      "/etc/passwd": { text: textOf(passwd) },
      "/etc/group": { text: textOf(group) },
      "/etc/nsswitch.conf": { text: "hosts: files dns\n" },
      "/var/empty": { folder: true },
    },
  };
}

/** A check for lines with this many fields, of which the first is a name and the third a number. */
function linesOf(fields: number): (value: unknown, argument: string) => void {
  return (value, argument) => {
    requireStrings(value, argument);
    for (const [i, line] of value.entries()) {
      const [name = "", , number = "", ...rest] = line.split(":");
      const isLine = name !== "" && /^\d+$/.test(number) && rest.length === fields - 3;
      if (!isLine || /[\n\0]/.test(line))
        throw new ArgumentError(
          `${argument}[${i}]`,
          `a line of ${fields} fields with : between them, its first a name and its third a number`,
          line,
        );
    }
  };
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
