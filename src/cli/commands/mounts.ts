import { type Command, Option } from "commander";
import { LaminixError } from "../../errors.js";
import type { MountPlan } from "../../mounts/mountPlan.js";
import { type MountFormat, MOUNT_FORMATS } from "../../mounts/formatMounts.js";
import type { MountsDocument } from "../documents/others.js";
import { bytes, counted } from "../../format.js";
import { specFrom } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { isSpec, requireArguments, storePaths } from "../paths.js";
import { imagesIn, type TrustFlags, withRegistries, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { refuseTerminal } from "../terminal.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";
import type { StoreSource } from "../../store/storeSource.js";

interface Options extends CommonOptions, TrustFlags, UnpackFlag {
  readonly for?: MountFormat;
  readonly wholeStore?: boolean;
  readonly farm?: string;
  readonly service?: string;
}

const help = `
Formats:
  docker, podman, nspawn          arguments, one a line
  bwrap                           arguments for bwrap --args FD
  engine-api, oci, devcontainer   JSON to merge into a request, a config.json, a devcontainer.json
  json                            the plan itself
  compose                         a file for a second -f
  quadlet, systemd                a drop-in

With --json, and no --for: {"storeDir","mounts":[{"source","target","kind"},…],"links":[{"path","text","mount"},…],
"places":[…],"roots":[…],"narSize","warnings":[…]}.

Examples:
  docker run $(laminix mounts ./result --for docker) IMAGE
  laminix mounts ./result --for bwrap >args && bwrap --args 3 --proc /proc --dev /dev "$(readlink ./result)/bin/hello" 3<args
  laminix mounts spec.json --for compose --service web >mounts.yaml && docker compose -f compose.yaml -f mounts.yaml up`;

export function mounts(io: Io): Command {
  const own = command("mounts", "show what to mount for a container over this system's store")
    .addOption(new Option("--for <FORMAT>", "in the words of what mounts it").choices(MOUNT_FORMATS))
    .option("--whole-store", "mount all of the store, for reading only, in place of the closure")
    .option("--farm <DIR>", "mount the closure below DIR first (as root), and from there at once")
    .option("--service <NAME>", "of a compose file (default: app)");
  return withUnpackFlag(withTrustFlags(own))
    .argument("[SPEC|PATH...]", "a spec in JSON, or store paths")
    .addHelpText("after", help)
    .action(async (args: string[], options: Options) => {
      requireArguments(args, "a SPEC or a PATH");
      const report = new Report(io, options);
      const { onProgress } = report;
      const { farm, wholeStore, service, for: format } = options;
      if (farm !== undefined && wholeStore)
        throw new LaminixError("ERR_USAGE", "--farm and --whole-store are two ways of which one is enough");
      if (service !== undefined && format !== "compose")
        throw new LaminixError("ERR_USAGE", "--service is for --for compose");
      if (format === "bwrap") refuseTerminal(io, "bwrap --args 0", "a list with NULs in it");
      await withStore(options, async (store) => {
        const plan = await planned(args, options, store, io, report);
        const { assembleFarm } = await import("../../mounts/farm.js");
        const place = farm === undefined ? undefined : await assembleFarm(plan, farm, { signal: io.signal });
        const { atOnce, formatMounts } = await import("../../mounts/formatMounts.js");
        if (format === undefined) {
          const asked = atOnce(plan, { wholeStore, farm: place });
          const people = { lines: linesOf(asked), summary: summaryOf(plan) };
          await report.facts<MountsDocument>(asked, people);
        } else
          await report.text(formatMounts(plan, format, { wholeStore, farm: place, service, onProgress }));
      });
    });
}

async function planned(
  args: readonly string[],
  options: Options,
  store: StoreSource,
  io: Io,
  { onProgress }: Report,
): Promise<MountPlan> {
  const { signal } = io;
  const { mountPlan } = await import("../../mounts/mountPlan.js");
  if (!isSpec(args)) return mountPlan(await storePaths(args, store, signal), { store, signal });
  const spec = await specFrom(args, {}, store, io);
  const { maxUnpacked } = options;
  return withRegistries(imagesIn(spec), options, io, (registries) =>
    mountPlan(spec, { store, signal, onProgress, registries, maxUnpacked }),
  );
}

function linesOf({ mounts, links }: MountPlan): string[] {
  return [
    ...mounts.map(({ source, target }) => (source === target ? `${target}\n` : `${source} -> ${target}\n`)),
    ...links.map(({ path, text }) => `${path} (a link to ${text})\n`),
  ];
}

function summaryOf({ mounts, links, narSize }: MountPlan): string {
  const files = mounts.filter(({ kind }) => kind === "file").length;
  const counts = [
    counted(mounts.length - files, "folder"),
    ...(files > 0 ? [counted(files, "file")] : []),
    ...(links.length > 0 ? [`${counted(links.length, "link")} to make`] : []),
  ];
  return `${counts.join(", ")}, ${bytes(narSize)}`;
}
