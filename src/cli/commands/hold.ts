import { type Command, Option } from "commander";
import { LaminixError } from "../../errors.js";
import type { HeldContainer } from "../../mounts/hold/heldFolder.js";
import type { SweepOptions } from "../../mounts/hold/sweepHeld.js";
import type { HeldDocument, SweptDocument } from "../documents/others.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, refuseGraph, withDaemon } from "../options.js";
import { requireArguments, storePaths } from "../paths.js";
import { Report } from "../report.js";

interface Options extends CommonOptions {
  readonly engine?: "docker" | "podman";
  readonly host?: string;
  readonly watch?: boolean;
  readonly sweep?: boolean;
}

const help = `
Makes a garbage collector root of each path, and prints the roots. They are released when the container has been removed:
with --watch at once, otherwise by the next hold or --sweep. A container that has stopped is still there.
With --json: {"container":ID,"name","paths":[PATH,…],"links":[LINK,…],"warnings":[…]}.

--sweep releases the roots of all containers that the engine does not have any more, and prints their IDs.
With --json: {"released":[{"engine","host","engineId","container","name","paths":[PATH,…],"created"},…],"kept":[…],
"warnings":[…]}.

Examples:
  laminix hold my-container ./result
  laminix hold my-container ./result --watch
  laminix hold --sweep --engine podman`;

export function hold(io: Io): Command {
  return command("hold", "keep store paths from being collected while a container exists")
    .argument("[CONTAINER]", "its name or ID")
    .argument("[PATH...]", "what it was started for; each keeps its closure")
    .addOption(
      new Option("--engine <ENGINE>", "which engine (default: docker)").choices(["docker", "podman"]),
    )
    .option(
      "--host <URL>",
      "where the engine listens: unix:///path/to/socket or tcp://host:port (default: from the environment)",
    )
    .option("--watch", "stay until the container is removed, and release the roots then")
    .option("--sweep", "release the roots of containers that have been removed")
    .addHelpText("after", help)
    .action(async (container: string | undefined, args: string[], options: Options) => {
      const { engine, host } = options;
      const { environment, signal } = io;
      const where = { engine, host, environment, signal };
      if (options.sweep) await sweep(io, container, options, where);
      else await holdPaths(io, container, args, options, where);
    });
}

async function holdPaths(
  io: Io,
  container: string | undefined,
  args: string[],
  options: Options,
  where: SweepOptions,
): Promise<void> {
  if (container === undefined) throw new LaminixError("ERR_USAGE", "CONTAINER is missing");
  requireArguments(args, "PATH");
  const { holdWhile } = await import("../../mounts/hold/holdWhile.js");
  await using held = await withDaemon(options, async (store) => {
    const paths = await storePaths(args, store, io.signal);
    return holdWhile(paths, { ...where, container, store });
  });
  const { container: id, name, paths, links } = held;
  await new Report(io, options).facts<HeldDocument>(
    { container: id, name, paths, links },
    { lines: links.map((link) => `${link}\n`) },
  );
  if (options.watch) await held.released;
}

async function sweep(
  io: Io,
  container: string | undefined,
  options: Options,
  where: SweepOptions,
): Promise<void> {
  refuseGraph(options);
  if (container !== undefined) throw new LaminixError("ERR_USAGE", "--sweep takes no CONTAINER and no PATH");
  if (options.watch) throw new LaminixError("ERR_USAGE", "--watch does not go with --sweep");
  const { sweepHeld } = await import("../../mounts/hold/sweepHeld.js");
  const swept = await sweepHeld(where);
  const lines = swept.released.map(({ container: id }: HeldContainer) => `${id}\n`);
  await new Report(io, options).facts<SweptDocument>(swept, { lines });
}
