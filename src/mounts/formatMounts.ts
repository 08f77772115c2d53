/** Mount plans in the words of those who mount. */
import { dirname } from "node:path";
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireFunction,
  requireOneOf,
  requireKnown,
  requireString,
} from "../arguments.js";
import { type OnProgress, Progress } from "../progress.js";
import type { MountPlan } from "./mountPlan.js";
import { requireAbsolute, requirePlan } from "./requirePlan.js";
import { composeFile, devContainer, dockerArguments, engineApi, podmanArguments } from "./formats/engines.js";
import { NAMESPACE, requireRoom } from "./formats/limits.js";
import { bwrapArguments, ociMounts } from "./formats/sandboxes.js";
import { nspawnArguments, quadletDropIn, requireLines, systemdDropIn } from "./formats/systemd.js";

export interface FormatOptions {
  /** Mount all of the store, for reading only, in place of the closure. */
  readonly wholeStore?: boolean | undefined;
  /** A folder that has the closure: mount that, in place of each path. */
  readonly farm?: string | undefined;
  /** Of a compose file; default: `app`. */
  readonly service?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
}

const KEYS = keysOf<FormatOptions>({ wholeStore: true, farm: true, service: true, onProgress: true });

interface Format {
  readonly write: (plan: MountPlan, options: FormatOptions) => string;
  /** Whether it can make links. */
  readonly links: "made" | "mounted";
  /** Whether a path with a line break would break it. */
  readonly isLines?: boolean;
}

const lines = (words: readonly string[]): string => words.map((word) => `${word}\n`).join("");
const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;
const nulEnded = (words: readonly string[]): string => words.map((word) => `${word}\0`).join("");

const FORMATS = {
  docker: { links: "mounted", isLines: true, write: ({ mounts }) => lines(dockerArguments(mounts)) },
  podman: { links: "mounted", isLines: true, write: ({ mounts }) => lines(podmanArguments(mounts)) },
  "engine-api": { links: "mounted", write: ({ mounts }) => json(engineApi(mounts)) },
  compose: { links: "mounted", write: ({ mounts }, { service = "app" }) => composeFile(mounts, service) },
  quadlet: { links: "mounted", isLines: true, write: ({ mounts }) => quadletDropIn(mounts) },
  oci: { links: "mounted", write: ({ mounts, storeDir }) => json(ociMounts(mounts, storeDir)) },
  bwrap: { links: "made", write: (plan) => nulEnded(bwrapArguments(plan)) },
  systemd: {
    links: "mounted",
    isLines: true,
    write: ({ mounts, storeDir }) => systemdDropIn(mounts, storeDir),
  },
  nspawn: {
    links: "mounted",
    isLines: true,
    write: ({ mounts, storeDir }) => lines(nspawnArguments(mounts, storeDir)),
  },
  devcontainer: { links: "mounted", write: ({ mounts }) => json(devContainer(mounts)) },
  json: { links: "made", write: json },
} satisfies Record<string, Format>;

/** `json` is the plan itself. */
export type MountFormat = keyof typeof FORMATS;
export const MOUNT_FORMATS = Object.keys(FORMATS) as MountFormat[];

/**
 * The plan as `docker`, `podman` and `nspawn` take it in arguments, one a line; `bwrap` in a file for `--args`, each
 * argument ended by a NUL; the others in JSON or in a file of their own. Where links cannot be made, what they lead to
 * is mounted in their place; a warning tells of those that lead out of the plan.
 * @throws {LaminixError} ERR_MOUNT_LIMIT where there are more mounts than the consumer takes; ERR_MOUNT for a path that
 *   the format cannot hold; ERR_ARGUMENT for a relative path
 */
export function formatMounts(plan: MountPlan, format: MountFormat, options: FormatOptions = {}): string {
  checkArguments(plan, format, options);
  const { links, isLines = false, write }: Format = FORMATS[format];
  const asked = atOnce(plan, options);
  requireRoom(NAMESPACE, asked.mounts.length + asked.links.length);
  const written = links === "made" ? asked : withMountedLinks(asked, new Progress(options.onProgress));
  if (isLines) requireLines(written.mounts);
  return write(written, options);
}

/** The plan with one mount in the store's place, or as it is where that is not asked for. */
export function atOnce(
  plan: MountPlan,
  { wholeStore = false, farm }: Pick<FormatOptions, "wholeStore" | "farm">,
): MountPlan {
  const source = farm ?? (wholeStore ? storeFolder(plan) : undefined);
  if (source === undefined) return plan;
  return { ...plan, mounts: [{ source, target: plan.storeDir, kind: "folder" }], links: [] };
}

/** The folder on this system that has the store's files. */
function storeFolder({ storeDir, mounts }: MountPlan): string {
  const [first] = mounts;
  return first ? dirname(first.source) : storeDir;
}

/** The plan with what its links lead to mounted in their places. */
export function withMountedLinks(plan: MountPlan, progress: Progress): MountPlan {
  const mounted = plan.links.flatMap(({ path, text, mount }) => {
    if (!mount) progress.warn(`${path} is left out: it is a link to ${text}, which is not in the closure`);
    return mount ?? [];
  });
  return { ...plan, mounts: [...plan.mounts, ...mounted], links: [] };
}

function checkArguments(plan: MountPlan, format: MountFormat, options: FormatOptions): void {
  requirePlan(plan);
  requireOneOf(format, MOUNT_FORMATS, "format");
  requireKnown(options, KEYS);
  checkGiven(options, "options", {
    wholeStore: requireBoolean,
    farm: requireAbsolute,
    service: requireString,
    onProgress: requireFunction,
  });
}
