/** What those who mount have room for. */
import { LaminixError } from "../../errors.js";

export interface Limit {
  /** What has it. */
  readonly who: string;
  /** What is counted: `mounts`, `bytes of arguments`. */
  readonly what: string;
  readonly most: number;
}

/** Linux, fs.mount-max: mounts of a mount namespace. Some are the container's own. */
export const NAMESPACE: Limit = { who: "a mount namespace", what: "mounts", most: 99_000 };

/**
 * Bytes of arguments. Linux gives arguments and environment a quarter of the stack, by default 2 MiB (execve(2));
 * 256 KiB are left to the environment and the caller's own arguments.
 */
const ARGUMENTS = 0x1c_0000;

const AT_ONCE =
  "mount the closure at one place (--farm DIR, as root) or the whole store for reading only (--whole-store)";

/** @throws {LaminixError} ERR_MOUNT_LIMIT */
export function requireRoom({ who, what, most }: Limit, count: number, hint = AT_ONCE): void {
  if (count <= most) return;
  throw new LaminixError(
    "ERR_MOUNT_LIMIT",
    `${who} has room for ${String(most)} ${what}; these are ${String(count)}`,
    { details: { limit: most, count }, hint },
  );
}

/**
 * For a program that is started with the mounts as arguments.
 * @throws {LaminixError} ERR_MOUNT_LIMIT
 */
export function requireArgumentRoom(program: string, args: readonly string[]): void {
  // Of each the bytes, a NUL and a pointer.
  const bytes = args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 9, 0);
  requireRoom({ who: `the command line of ${program}`, what: "bytes of arguments", most: ARGUMENTS }, bytes);
}
