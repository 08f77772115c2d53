/** How much of images goes into temporary files: a few kilobytes may be compressed terabytes. */
import { requireCount } from "../arguments.js";
import { LaminixError, named } from "../errors.js";

/** Bytes; several times what the largest images have. */
const DEFAULT = 64 * 2 ** 30;

export class UnpackBudget {
  /** Bytes. */
  readonly limit: number;
  #taken = 0;

  /** @throws {ArgumentError} ERR_ARGUMENT */
  constructor(limit = DEFAULT) {
    requireCount(limit, "limit");
    this.limit = limit;
  }

  /**
   * @param given bytes, or what is shared with others; the default unless given
   * @throws {ArgumentError} ERR_ARGUMENT
   */
  static of(given: number | UnpackBudget | undefined): UnpackBudget {
    if (given instanceof UnpackBudget) return given;
    if (given !== undefined) requireUnpackable(given, "options.maxUnpacked");
    return new UnpackBudget(given);
  }

  /**
   * To be asked before bytes are written.
   * @param name what they are of, for the error
   * @throws {LaminixError} ERR_ARCHIVE
   */
  take(bytes: number, name: string): void {
    this.#taken += bytes;
    if (this.#taken <= this.limit) return;
    throw new LaminixError("ERR_ARCHIVE", `unpacking ${named(name)} takes more than ${shown(this.limit)}`, {
      details: { path: name, limit: this.limit },
      hint: "if the image is really that large, raise the limit with --max-unpacked (maxUnpacked)",
    });
  }
}

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireUnpackable(value: unknown, argument: string): void {
  if (!(value instanceof UnpackBudget)) requireCount(value, argument);
}

function shown(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes % 1024 === 0 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${String(bytes)} ${units[unit] ?? ""}`;
}
