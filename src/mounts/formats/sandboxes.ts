/** The words of what runs containers without an engine: OCI runtimes, and bubblewrap. */
import { isAtOnce, type Mount, type MountPlan } from "../mountPlan.js";
import { requireRoom } from "./limits.js";

/** Runtimes make a tmpfs read-only once all mounts are in it. */
const TMPFS_OPTIONS = ["nosuid", "nodev", "ro", "mode=755"];
const BIND_OPTIONS = ["rbind", "ro", "rprivate", "nosuid", "nodev"];

/**
 * `mounts` of an OCI runtime's config.json (OCI runtime-spec, config.md, "Mounts"), mounted in their order. With a
 * folder of its own in the store's place the root may be one that is only read, and stays clean of mount points.
 */
export function ociMounts(mounts: readonly Mount[], storeDir: string): object {
  const isWhole = isAtOnce(mounts, storeDir);
  const folder = { destination: storeDir, type: "tmpfs", source: "tmpfs", options: TMPFS_OPTIONS };
  return {
    mounts: [
      ...(isWhole ? [] : [folder]),
      ...mounts.map(({ source, target }) => ({
        ...{ destination: target, type: "bind", source, options: BIND_OPTIONS },
      })),
    ],
  };
}

/** bubblewrap.c, MAX_ARGS: arguments, those that come by `--args` among them. Some are left to the caller. */
const BWRAP = { who: "bubblewrap", what: "arguments", most: 8900 };

/** Arguments for `bwrap --args FD`. */
export function bwrapArguments({ storeDir, mounts, links }: MountPlan): string[] {
  const isWhole = isAtOnce(mounts, storeDir);
  const args = [
    ...(isWhole ? [] : ["--tmpfs", storeDir]),
    ...mounts.flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ...links.flatMap(({ path, text }) => ["--symlink", text, path]),
    ...(isWhole ? [] : ["--remount-ro", storeDir]),
  ];
  requireRoom(BWRAP, args.length);
  return args;
}
