/** The flag of all commands that read images: how much of them may go into temporary files. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { UnpackBudget } from "../transports/unpackBudget.js";
import { underHeading } from "./options.js";

export interface UnpackFlag {
  /** Shared by all that the command reads. */
  readonly maxUnpacked?: UnpackBudget;
}

export function withUnpackFlag(command: Command): Command {
  const flag = new Option(
    "--max-unpacked <SIZE>",
    "the most that images may unpack into the temporary folder, such as 500M (default: 64G)",
  ).argParser((text: string) => new UnpackBudget(byteCount(text)));
  return underHeading(command, "Limits:", (own) => own.addOption(flag));
}

const UNITS = ["", "K", "M", "G", "T"];

/** Bytes; the units are powers of 1024. */
function byteCount(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,12})([KMGT]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase());
  if (digits !== "" && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    "It must be a positive whole number of bytes, optionally followed by K, M, G or T.",
  );
}
