import { LaminixError } from "../errors.js";
import type { Io } from "./io.js";

/** @throws {LaminixError} ERR_USAGE where an archive, or what else is not text, would be printed on a screen */
export function refuseTerminal({ stdout }: Io, reader: string, what = "an archive"): void {
  if (!stdout.isTerminal) return;
  throw new LaminixError("ERR_USAGE", `${what} is not written to a terminal`, {
    hint: `pipe it into a program, as in … | ${reader}, or into a file`,
  });
}
