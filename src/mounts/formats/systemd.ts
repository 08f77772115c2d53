/** The words of systemd: drop-ins for services and for quadlet, flags of systemd-nspawn. */
import { LaminixError } from "../../errors.js";
import { isAtOnce, type Mount } from "../mountPlan.js";
import { podmanMount } from "./engines.js";
import { requireArgumentRoom, requireRoom } from "./limits.js";

/** A word of a unit file (systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers"). */
function word(text: string): string {
  const escaped = text.replaceAll("%", "%%");
  if (!/["'\\\s:]/.test(escaped)) return escaped;
  return `"${escaped.replace(/["\\]/g, String.raw`\$&`)}"`;
}

/** What a colon comes after: one that belongs to the path has a backslash before it. */
function beforeColon(path: string): string {
  return path.replace(/[\\:]/g, String.raw`\$&`);
}

/**
 * A drop-in for a service. Of the store it sees nothing but the mounts (systemd.exec(5), BindReadOnlyPaths=,
 * TemporaryFileSystem=).
 */
export function systemdDropIn(mounts: readonly Mount[], storeDir: string): string {
  const isWhole = isAtOnce(mounts, storeDir);
  return [
    "[Service]\n",
    ...(isWhole ? [] : [`TemporaryFileSystem=${word(beforeColon(storeDir))}:ro\n`]),
    ...mounts.map(({ source, target }) => `BindReadOnlyPaths=${word(source)}:${word(target)}\n`),
  ].join("");
}

/** systemd's longest line (LONG_LINE_MAX): quadlet makes one command of all mounts. */
const LONGEST_LINE = 1 << 20;

/**
 * A drop-in for a `.container` of quadlet (podman-systemd.unit(5)). Of each value quadlet makes an argument of a command
 * that systemd reads: to that a dollar sign begins a variable.
 */
export function quadletDropIn(mounts: readonly Mount[]): string {
  const values = mounts.map((mount) => word(podmanMount(mount)).replaceAll("$", "$$$$"));
  const length = values.reduce((sum, value) => sum + Buffer.byteLength(value) + " --mount ".length, 0);
  const room = LONGEST_LINE - 0x8000;
  requireRoom({ who: "the command that quadlet makes", what: "bytes of arguments", most: room }, length);
  return `[Container]\n${values.map((value) => `Mount=${value}\n`).join("")}`;
}

/** Flags of systemd-nspawn. A folder of its own in the store's place keeps the root clean of mount points. */
export function nspawnArguments(mounts: readonly Mount[], storeDir: string): string[] {
  const isWhole = isAtOnce(mounts, storeDir);
  const args = [
    ...(isWhole ? [] : [`--tmpfs=${beforeColon(storeDir)}:mode=0755`]),
    ...mounts.map(({ source, target }) => `--bind-ro=${beforeColon(source)}:${beforeColon(target)}`),
  ];
  requireArgumentRoom("systemd-nspawn", args);
  return args;
}

/** @throws {LaminixError} ERR_MOUNT for what no line of a unit file, and no line of arguments, can hold */
export function requireLines(mounts: readonly Mount[]): void {
  const bad = mounts.flatMap(({ source, target }) => [source, target]).find((path) => /[\n\r]/.test(path));
  if (bad === undefined) return;
  throw new LaminixError(
    "ERR_MOUNT",
    `${JSON.stringify(bad)} has a line break in it, which no list of lines can hold`,
    {
      details: { path: bad },
      hint: "the formats compose, devcontainer, engine-api, oci, bwrap and json can",
    },
  );
}
