/** Namespaces: entered for a moment, with the mounts that a container has. */
import { tmpdir } from "node:os";
import { LaminixError } from "../../errors.js";
import { inPath } from "../../files/inPath.js";
import { settingInTheWay } from "../../mounts/run/outcome.js";
import { run } from "../../process/run.js";
import { enterProgram } from "../../vm/enter.js";
import { mappingOf, overlayOf, unshareCommand } from "../../vm/mapping.js";
import { type Check, type Found, ok, type Situation } from "./check.js";

/** Those of `laminix-enter`. */
const NAMESPACES = ["--pid", "--fork", "--ipc", "--uts", "--cgroup", "--net"];

/** All of it goes with the namespace. Arguments: a folder, options of the overlay. */
const TRIAL = [
  'mount -t tmpfs laminix "$1" && cd "$1" && mkdir lower upper work root proc',
  'mount -t overlay -o "$2" laminix root',
  "mount -t proc proc proc",
].join(" && ");

const PROGRAMS = { unshare: "util-linux", mount: "util-linux", tar: "tar" } as const;

const SUBORDINATE =
  "give the user subordinate ids: newuidmap (Debian's package uidmap), and usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER";

const KINDS = {
  root: "as root",
  subordinate: "with subordinate ids",
  alone: "with one user: files of others cannot be there",
} as const;

export const namespaces: Check = {
  feature: "namespaces",
  neededFor: 'run, runAsRoot with isolation "namespace"',
  look: async ({ signal }: Situation): Promise<Found> => {
    if (process.platform !== "linux") return { status: "missing", found: "only Linux has them" };
    const enter = enterProgram();
    for (const [program, from] of Object.entries(PROGRAMS))
      if (inPath(program) === undefined)
        return {
          status: "missing",
          found: `${program} is not in PATH`,
          todo: `install ${program} (Debian's package ${from})`,
        };
    const mapping = mappingOf();
    const overlay = overlayOf({
      ...{ lower: ["lower"], upper: "upper", work: "work", options: mapping.overlayOptions },
    });
    const [unshare, ...args] = unshareCommand(mapping, ...NAMESPACES);
    try {
      await run(unshare, [...args, "sh", "-c", TRIAL, "sh", tmpdir(), overlay], { signal });
    } catch (error) {
      signal.throwIfAborted();
      return refused(error);
    }
    const found = `${KINDS[mapping.kind]}, entered by ${enter}`;
    return mapping.kind === "alone" ? { status: "limited", found, todo: SUBORDINATE } : ok(found);
  },
};

function refused(error: unknown): Found {
  const message = error instanceof LaminixError ? error.message : String(error);
  return {
    status: "missing",
    found: `they cannot be had here: ${message}`,
    todo: settingInTheWay() ?? 'run --with docker or podman; isolation "machine" for runAsRoot',
  };
}
