import { LaminixError } from "../errors.js";
import type { Io } from "./io.js";

/** @throws {LaminixError} ERR_USAGE where an archive would be printed on a screen */
export function refuseTerminal({ stdout }: Io, reader: string): void {
  if (!stdout.isTerminal) return;
  throw new LaminixError("ERR_USAGE", "an archive is not written to a terminal", {
    hint: `pipe it into a program, as in … | ${reader}, or into a file`,
  });
}
