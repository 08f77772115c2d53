/** Options that several commands have. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { StoreSource } from "../store/storeSource.js";
import { LaminixError } from "../errors.js";
import { isHost } from "../store/binaryCache/narFiles.js";
import type { NixStore } from "../store/nixStore.js";
import { version } from "./version.js";

export interface CommonOptions {
  readonly store: string;
  readonly graph?: string;
  readonly allowNarHost?: readonly string[];
  readonly jobs?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function command(name: string, description: string): Command {
  return new Command(name).description(description);
}

/** The heading over the options that a command is mostly used with. */
const FIRST = "Options:";

/** Adds options under a heading of their own in the command's help. */
export function underHeading(command: Command, heading: string, add: (command: Command) => Command): Command {
  return add(command.optionsGroup(heading)).optionsGroup(FIRST);
}

/** Adds what all commands have, below what a command has of its own. */
export function withCommonOptions(command: Command): Command {
  return command
    .optionsGroup("Options of every command:")
    .option(
      "--store <URI>",
      "the Nix store: auto, daemon, unix:///path/to/socket, ssh-ng://host, or a binary cache: https://host, file:///folder",
      "auto",
    )
    .addOption(
      new Option(
        "--allow-nar-host <HOST>",
        "another host from which NARs of a binary cache may be fetched (repeatable)",
      ).argParser(narHost),
    )
    .option("--graph <FILE>", "a reference graph in JSON, in place of a store")
    .addOption(
      new Option("--jobs <N>", "how many threads hash layers, and how many compress").argParser(count),
    )
    .option("--json", "print facts, warnings and errors as JSON")
    .option("--quiet", "print nothing but errors")
    .option("--verbose", "print more, such as where an error comes from")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help");
}

/** For `argParser`: a whole number from 1 up. */
export function count(text: string): number {
  const number = whole(text);
  if (number === 0) throw new InvalidArgumentError("It must be 1 or more.");
  return number;
}

/** For `argParser`: a whole number from 0 up. */
export function whole(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** For `argParser`: an option that may be given several times. */
export function repeated(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function narHost(text: string, before: readonly string[] | undefined): string[] {
  if (!isHost(text)) throw new InvalidArgumentError("It must be a host, or host:port.");
  return repeated(text, before);
}

/** Where the store paths are, opened for as long as `use` runs. */
export async function withStore<T>(
  options: CommonOptions,
  use: (store: StoreSource) => Promise<T>,
): Promise<T> {
  if (options.graph !== undefined) {
    const { GraphStore } = await import("../store/graphStore.js");
    return use(GraphStore.read(options.graph));
  }
  if (!isBinaryCache(options)) return withDaemon(options, use);
  const { BinaryCacheStore } = await import("../store/binaryCache/binaryCacheStore.js");
  const { allowNarHost: allowNarHosts } = options;
  return closing(new BinaryCacheStore(options.store, { ...(allowNarHosts && { allowNarHosts }) }), use);
}

/** @throws {LaminixError} ERR_USAGE when a graph or a binary cache was given to a command that asks a daemon */
export async function withDaemon<T>(
  options: CommonOptions,
  use: (store: NixStore) => Promise<T>,
): Promise<T> {
  refuseGraph(options);
  if (isBinaryCache(options)) throw useless("a binary cache");
  // Loaded when needed: most of a short command's time is loading.
  const { NixStore } = await import("../store/nixStore.js");
  return closing(new NixStore(options.store), use);
}

/** @throws {LaminixError} ERR_USAGE when what is for a graph or a binary cache was given to a command that asks Nix itself */
export function refuseGraph({ graph, allowNarHost }: CommonOptions): void {
  if (graph !== undefined) throw useless("--graph");
  if (allowNarHost !== undefined) throw useless("--allow-nar-host");
}

function useless(given: string): LaminixError {
  return new LaminixError("ERR_USAGE", `${given} has no effect here: this asks a daemon`);
}

function isBinaryCache({ store }: CommonOptions): boolean {
  return /^(file|https?):\/\//.test(store);
}

async function closing<S extends { close(): Promise<void> }, T>(
  store: S,
  use: (store: S) => Promise<T>,
): Promise<T> {
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
