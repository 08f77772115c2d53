/** The flags that describe an image; each stands for a key of the spec and has the last word. */
import { basename } from "node:path";
import { absolutePath } from "../files/home.js";
import { type Command, Option } from "commander";
import { repositoryName } from "../manifests/reference.js";
import { followed } from "../store/followed.js";
import type { StoreSource } from "../store/storeSource.js";
import type { ImageSpec } from "../spec/spec.js";
import { parseSpec } from "../spec/specFile.js";
import { LaminixError } from "../errors.js";
import { readText } from "../files/readText.js";
import type { UnpackBudget } from "../transports/unpackBudget.js";
import type { Io } from "./io.js";
import { repeated, underHeading, whole } from "./options.js";
import { isPlainFolder, isSpec, requireArguments, requireFiles, storePaths } from "./paths.js";
import { isStandardInput, specInput, withInput } from "./standardInput.js";

export interface ImageFlags {
  readonly name?: string;
  readonly tag?: string;
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly label?: readonly string[];
  readonly expose?: readonly string[];
  readonly volume?: readonly string[];
  readonly fromImage?: string;
  readonly maxLayers?: number;
  readonly strategy?: string;
  readonly pipeline?: string;
  /** `true`: what is at the image's destination. */
  readonly previous?: string | true;
  readonly horizon?: number;
  readonly history?: readonly string[];
  readonly hints?: string;
  readonly created?: string;
  readonly mtime?: string;
  readonly architecture?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly uname?: string;
  readonly gname?: string;
  readonly includeStorePaths?: boolean;
  readonly snapshotter?: boolean;
  readonly includeNixDb?: boolean;
}

export const SPEC_OR_PATHS = "a spec in JSON, or store paths that become the contents";

/** @param having whether `--tag` is the image's own tag; it is, unless given */
export function withImageFlags(command: Command, { tag = true } = {}): Command {
  command.option("--name <NAME>", "the repository's name (default: the spec's, or the first path's)");
  if (tag) command.option("--tag <TAG>", "the tag (default: a hash of what is in the image)");
  command
    .addOption(many("--cmd <ARG>", "the command of a container, one argument per flag"))
    .addOption(many("--entrypoint <ARG>", "the entry point of a container, one argument per flag"))
    .addOption(many("--env <K=V>", "an environment variable (repeatable)"))
    .option("--workdir <D>", "the working folder of a container")
    .option(
      "--from-image <ARCHIVE>",
      "the base image: a docker-archive, an OCI layout, docker://NAME@DIGEST, or - for standard input",
    );
  underHeading(command, "More of the container's configuration:", (own) =>
    own
      .option("--user <U>", "the user that a container runs as")
      .addOption(many("--label <K=V>", "a label (repeatable)"))
      .addOption(many("--expose <PORT>", "a port, such as 80/tcp (repeatable)"))
      .addOption(many("--volume <DIR>", "a folder for a volume (repeatable)")),
  );
  return underHeading(command, "What the image has, and its dates:", (own) =>
    own
      .option("--created <T>", "the image's creation time: ISO 8601, @SECONDS or now")
      .option("--mtime <T>", "the modification time of its files: ISO 8601, @SECONDS or now")
      .option("--architecture <A>", "Go's name, such as arm64 (default: the base's, or this machine's)")
      .option("--include-store-paths", "include the store paths (the default)")
      .option(
        "--no-include-store-paths",
        "leave out the store paths, for containers that mount the host's store",
      )
      .option("--snapshotter", "leave them out, for containerd's nix-snapshotter to mount")
      .option("--no-snapshotter", "make an image for everyone (the default)")
      .option("--include-nix-db", "include a Nix database of the store paths")
      .option("--no-include-nix-db", "leave out the Nix database (the default)"),
  );
}

/**
 * How store paths are put into layers of their own, and whose they are there.
 * @param destination where the image goes, whose image is the previous one where the flag has no value
 */
export function withLayerFlags(command: Command, destination?: string): Command {
  const previous = "a previous image or plan, whose layers balanced keeps where that costs little";
  return underHeading(command, "Layers of store paths:", (own) =>
    own
      .addOption(new Option("--max-layers <N>", "the most layers (default: 100)").argParser(whole))
      .addOption(
        new Option("--strategy <S>", "how store paths are grouped into layers (default: balanced)").choices([
          "auto",
          "popularity",
          "balanced",
        ]),
      )
      .option("--pipeline <FILE>", "a layeringPipeline in JSON, in place of a strategy")
      .addOption(
        destination === undefined
          ? new Option("--previous <PLAN|IMAGE>", previous)
          : new Option("--previous [PLAN|IMAGE]", `${previous}; last and without a value: ${destination}`),
      )
      .addOption(
        new Option(
          "--horizon <N>",
          "how many changes a plan after --previous is to serve (default: 20)",
        ).argParser(whole),
      )
      .addOption(
        many(
          "--history <PLAN|IMAGE>",
          "a previous image or plan, from which balanced learns what changes (repeatable)",
        ),
      )
      .option("--hints <FILE>", "JSON that tells balanced how often store paths change (volatility)")
      .addOption(new Option("--uid <N>", "owner of the store paths").argParser(whole))
      .addOption(new Option("--gid <N>", "group of the store paths").argParser(whole))
      .option("--uname <S>", "owner's name")
      .option("--gname <S>", "group's name"),
  );
}

/** An option that may be given several times. */
function many(flags: string, description: string): Option {
  return new Option(flags, description).argParser(repeated);
}

/**
 * The spec that arguments and flags describe.
 * @param args one file of JSON, or store paths and plain folders that become the contents
 * @throws {LaminixError} ERR_USAGE, ERR_SPEC, ERR_JSON, ERR_OUTSIDE_STORE, ERR_STORE_PATH
 */
export async function specFrom(
  args: readonly string[],
  flags: ImageFlags,
  store: StoreSource,
  io: Io,
): Promise<ImageSpec> {
  requireArguments(args, "a SPEC or a PATH", hintOfPrevious(flags));
  const [file = ""] = args;
  const given = isSpec(args) ? await readSpec(file, io) : await fromPaths(args, store, io.signal);
  const config = configFlags(flags);
  const merged = config.size === 0 ? given.config : new Map([...entriesOf(given.config), ...config]);
  const epoch = io.environment.SOURCE_DATE_EPOCH;
  return {
    ...(epoch !== undefined && epoch !== "" && { created: `@${epoch}` }),
    ...given,
    ...keyFlags(flags),
    ...(merged && { config: merged as unknown as Record<string, unknown> }),
  };
}

/** Where an argument is missing: `--previous` may have taken it for its value. */
export function hintOfPrevious({ previous }: Pick<ImageFlags, "previous">): string | undefined {
  if (typeof previous !== "string") return undefined;
  return `${previous} is the value of --previous; without a value, write it last`;
}

async function readSpec(file: string, io: Io): Promise<ImageSpec> {
  if (isStandardInput(file)) {
    const { text, name } = await specInput(io);
    return parseSpec(text, name);
  }
  requireFiles([file]);
  return parseSpec(readText(file), file);
}

/**
 * The specs that several files describe, each with the flags.
 * @throws {LaminixError} ERR_USAGE, ERR_SPEC, ERR_JSON
 */
export async function specsFrom(
  files: readonly string[],
  flags: ImageFlags,
  store: StoreSource,
  io: Io,
): Promise<ImageSpec[]> {
  return Promise.all(files.map((file) => specFrom([file], flags, store, io)));
}

async function fromPaths(
  args: readonly string[],
  store: StoreSource,
  signal: AbortSignal,
): Promise<ImageSpec> {
  if (args.some(isStandardInput))
    throw new LaminixError("ERR_USAGE", "a spec from standard input stands alone, without paths", {
      hint: "a folder of that name is ./-",
    });
  const paths = args.filter((arg) => !isPlainFolder(arg));
  const found = paths.length === 0 ? [] : await storePaths(paths, store, signal);
  const inStore = new Map(found.map((path, i) => [paths[i], path]));
  const [first = ""] = args;
  const name = inStore.get(first)?.replace(/^.*\/[^-]*-/, "") ?? basename(absolutePath(first));
  return {
    name: repositoryName(name),
    contents: args.map((arg) => inStore.get(arg) ?? followed(arg, undefined)),
  };
}

/** Flags in which a temporary file stands for a base that comes from standard input, for as long as `use` runs. */
export function withBaseInput<Flags extends Pick<ImageFlags, "fromImage">, T>(
  io: Io,
  flags: Flags,
  budget: { readonly maxUnpacked?: UnpackBudget | undefined },
  use: (flags: Flags) => Promise<T>,
): Promise<T> {
  const { fromImage } = flags;
  if (fromImage === undefined) return use(flags);
  return withInput(io, [fromImage], budget, ([file]) => use({ ...flags, fromImage: file }));
}

function entriesOf(config: ImageSpec["config"]): [string, unknown][] {
  return config instanceof Map ? [...(config as Map<string, unknown>)] : Object.entries(config ?? {});
}

function keyFlags(flags: ImageFlags): Partial<ImageSpec> {
  const { name, tag, fromImage, maxLayers, strategy, created, mtime, architecture, uid, gid, uname, gname } =
    flags;
  const { includeStorePaths, snapshotter, includeNixDb: includeNixDB, pipeline: layeringPipeline } = flags;
  const { previous, horizon, history, hints: volatility } = flags;
  const keys = {
    name,
    tag,
    fromImage,
    maxLayers,
    strategy,
    layeringPipeline,
    previous: previous === true ? undefined : previous,
    horizon,
    history,
    volatility,
    created,
    mtime,
    architecture,
    uid,
    gid,
    uname,
    gname,
    includeStorePaths,
    snapshotter,
    includeNixDB,
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

/** Keys of the configuration, by Docker's names. */
function configFlags(flags: ImageFlags): Map<string, unknown> {
  const set = (names: readonly string[] | undefined): Map<string, unknown> | undefined =>
    names && new Map(names.map((name) => [name, {}]));
  const labels = flags.label?.map((label): [string, string] => {
    const at = label.indexOf("=");
    if (at > 0) return [label.slice(0, at), label.slice(at + 1)];
    throw new LaminixError("ERR_USAGE", `--label ${label} is not of the form KEY=VALUE`);
  });
  const bad = flags.env?.find((variable) => variable.indexOf("=") < 1);
  if (bad !== undefined) throw new LaminixError("ERR_USAGE", `--env ${bad} is not of the form NAME=VALUE`);
  const ports = flags.expose?.map((port) => (port.includes("/") ? port : `${port}/tcp`));
  const config = {
    Cmd: flags.cmd,
    Entrypoint: flags.entrypoint,
    Env: flags.env,
    User: flags.user,
    WorkingDir: flags.workdir,
    Labels: labels && new Map(labels),
    ExposedPorts: set(ports),
    Volumes: set(flags.volume),
  };
  return new Map(Object.entries(config).filter(([, value]) => value !== undefined));
}
