import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { absolutePath } from "../../files/home.js";
import { LaminixError } from "../../errors.js";
import type { ContainerOptions, Network, Volume } from "../../mounts/run/runOptions.js";
import type { Container } from "../../mounts/run/container.js";
import type { OnProgress } from "../../progress.js";
import type { ImageSpec } from "../../spec/spec.js";
import type { Engine } from "../../transports/engine/engines.js";
import type { StoreSource } from "../../store/storeSource.js";
import { specFrom } from "../imageFlags.js";
import { finishedImage } from "../imageArgument.js";
import { type Io, ProgramEnded } from "../io.js";
import { command, type CommonOptions, repeated, withStore } from "../options.js";
import { isSpec, requireArguments } from "../paths.js";
import { onlyProgram } from "../onlyProgram.js";
import { withInput } from "../standardInput.js";
import { imagePlace, imagesIn, type TrustFlags, withRegistries, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, TrustFlags, UnpackFlag {
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly volume?: readonly Volume[];
  readonly network?: Network;
  readonly readOnly?: boolean;
  readonly terminal?: boolean;
  readonly with: "namespace" | Engine;
  readonly host?: string;
}

const help = `
The image's files are its own, and go when the command ends; its store paths are mounted from this system's store for
reading only, and are not garbage while it runs. It needs neither root nor an engine. Nothing else of this system can be
seen: no files, no processes, and no network unless --network host.
Without COMMAND the image's own is run, or the one program of the first PATH. The exit code is the command's.
With --json only errors and warnings are JSON: standard output is the command's.

Examples:
  laminix run ./result
  laminix run ./result /nix/store/…-busybox-1.36.1 -- sh -c 'echo $PATH'
  laminix run spec.json --volume ./data:/data --network host
  laminix run docker://docker.io/library/debian:12 -- cat /etc/os-release`;

/** @param rest arguments after `--` */
export function run(io: Io, rest: readonly string[]): Command {
  const own = command("run", "run a command of an image over this system's store")
    .addOption(
      new Option("--entrypoint <ARG>", "in place of the image's, one argument per flag").argParser(repeated),
    )
    .addOption(
      new Option(
        "--env <K=V>",
        "an environment variable; K alone has this process's value (repeatable)",
      ).argParser(repeated),
    )
    .option("--user <U>", "the user that it runs as, by name or number: USER[:GROUP]")
    .option("--workdir <D>", "its working folder")
    .addOption(
      new Option("--volume <SOURCE:TARGET[:ro]>", "a folder or a file of this system (repeatable)").argParser(
        volume,
      ),
    )
    .addOption(
      new Option("--network <N>", "none, or this system's (default: none)").choices(["none", "host"]),
    )
    .option("--read-only", "a root that cannot be written to; /tmp and volumes can")
    .addOption(
      new Option("--with <RUNNER>", "what runs it: namespaces of this system, or an engine on it")
        .choices(["namespace", "docker", "podman"])
        .default("namespace"),
    )
    .option("--host <URL>", "where the engine listens (default: from the environment)")
    .option("--terminal", "a terminal of its own (default: where standard input and output are one)")
    .option("--no-terminal", "no terminal of its own");
  return withUnpackFlag(withTrustFlags(own))
    .argument("[SPEC|PATH|ARCHIVE|REF...]", "a spec, store paths, an archive, or an image in a registry")
    .usage("[options] (SPEC | PATH... | ARCHIVE | REF) [-- COMMAND...]")
    .addHelpText("after", help)
    .action(async (args: string[], options: Options) => {
      const named = args.slice(0, args.length - rest.length);
      requireArguments(named, "a SPEC, a PATH, an ARCHIVE or a REF");
      refuseCommand(named);
      const { maxUnpacked } = options;
      const running = async (files: readonly string[]): Promise<number> =>
        withStore(options, async (store) => {
          const subject = await subjectOf(files, store, io);
          const images = typeof subject === "string" ? [subject] : imagesIn(subject);
          return withRegistries(images, options, io, async (registries) => {
            const onProgress = quietly(new Report(io, options).onProgress);
            const { signal } = io;
            await using container = await start(subject, options, {
              ...{ store, signal, registries, onProgress, maxUnpacked },
              ...flagsFor(options, io),
              command: await commandFor(rest, subject, store, options),
            });
            // A bar that was drawn; the command has yet to be reached.
            io.stderr.erase();
            return await endOf(container, io);
          });
        });
      throw new ProgramEnded(await withInput(io, named, { maxUnpacked }, running));
    });
}

/** As `docker run` has it. */
function refuseCommand([image = "", ...others]: readonly string[]): void {
  const word = others.find((other) => !other.includes("/") && !existsSync(other));
  if (word === undefined) return;
  const command = others.slice(others.indexOf(word)).join(" ");
  throw new LaminixError("ERR_USAGE", `there is no ${word} here`, {
    hint: `a command goes after --: laminix run ${image} -- ${command}`,
  });
}

/** What is said of layers would stand among what the command prints. */
function quietly(onProgress: OnProgress): OnProgress {
  return (event) => {
    if (!["closure", "layer", "hash"].includes(event.type)) onProgress(event);
  };
}

async function start(
  subject: ImageSpec | string,
  { with: runner, host }: Options,
  options: ContainerOptions,
): Promise<Container> {
  if (runner === "namespace") {
    if (host !== undefined)
      throw new LaminixError("ERR_USAGE", "--host is for --with docker and --with podman");
    const { startContainer } = await import("../../mounts/run/startContainer.js");
    return startContainer(subject, options);
  }
  const { startInEngine } = await import("../../mounts/run/startInEngine.js");
  return startInEngine(subject, { ...options, engine: runner, host });
}

async function subjectOf(args: readonly string[], store: StoreSource, io: Io): Promise<ImageSpec | string> {
  const image = isSpec(args) ? undefined : finishedImage(args);
  return image === undefined ? specFrom(args, {}, store, io) : imagePlace(image);
}

function flagsFor(options: Options, { environment }: Io): ContainerOptions {
  const { entrypoint, env = [], user, workdir, volume: volumes, network, readOnly } = options;
  const terminal = options.terminal ?? (process.stdin.isTTY && process.stdout.isTTY);
  const kind = terminal ? [`TERM=${environment.TERM ?? "xterm"}`] : [];
  const given = env.flatMap((variable) => {
    if (variable.includes("=")) return variable;
    const value = environment[variable];
    return value === undefined ? [] : `${variable}=${value}`;
  });
  return { entrypoint, env: [...kind, ...given], user, workdir, volumes, network, readOnly, terminal };
}

/** What was asked for, or else what the image says; where that is nothing, the one program of the first path. */
async function commandFor(
  rest: readonly string[],
  subject: ImageSpec | string,
  store: StoreSource,
  { entrypoint }: Options,
): Promise<readonly string[] | undefined> {
  if (rest.length > 0) return rest;
  if (typeof subject === "string" || subject.config !== undefined || entrypoint !== undefined)
    return undefined;
  return [await onlyProgram(subject.contents, store)];
}

/** Signals are the command's while it runs. */
async function endOf(container: Container, { signals }: Io): Promise<number> {
  using _passed = signals?.passTo((name) => {
    container.kill(name);
  });
  return await container.ended;
}

/** For `argParser`. */
function volume(text: string, before: readonly Volume[] | undefined): Volume[] {
  const [, source = "", target = "", mode] = /^([^:]+):([^:]+)(?::(ro|rw))?$/.exec(text) ?? [];
  if (source === "" || !target.startsWith("/")) {
    throw new LaminixError("ERR_USAGE", `--volume ${text} is not of the form SOURCE:TARGET[:ro]`, {
      hint: "TARGET is an absolute path",
    });
  }
  if (!/^(?:[/~]|\.\.?(?:\/|$))/.test(source)) {
    throw new LaminixError("ERR_USAGE", `--volume ${text}: ${source} is no path`, {
      hint: `volumes by name are an engine's; for a folder here write ./${source}`,
    });
  }
  return [...(before ?? []), { source: absolutePath(source), target, readOnly: mode === "ro" }];
}
