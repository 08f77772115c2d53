/** What a shell offers for the word that is being typed. */
import type { Command, Option } from "commander";
import { COMPRESSORS } from "../../compress/compressors.js";
import { withCommonOptions } from "../options.js";
import { storePathsNamed } from "./storePathNames.js";

export interface Candidate {
  readonly value: string;
  /** Empty where the value says it all. */
  readonly description: string;
}

/** Stands for the files that the shell itself finds. */
export const FILES: Candidate = { value: ":files", description: "" };

export interface CompletionSource {
  /** All commands, with what they are for. */
  readonly commands: () => Promise<readonly Command[]>;
  /** The one of this name, loaded alone. */
  readonly command: (name: string) => Promise<Command | undefined>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** @param words after the program's name; the last one is being typed, and may be empty */
export async function candidates(words: readonly string[], source: CompletionSource): Promise<Candidate[]> {
  const text = words.at(-1) ?? "";
  const [name, ...before] = words.slice(0, -1);
  if (name === undefined || (name === "help" && before.length === 0)) {
    if (text.startsWith("-")) return beginning(text, [valued("--help"), valued("--version")]);
    const commands = await source.commands();
    return beginning(
      text,
      commands.map((each) => ({ value: each.name(), description: each.description() })),
    );
  }
  if (before.includes("--")) return [FILES];
  const found = await source.command(name);
  return found ? inCommand(withCommonOptions(found), before, text, source) : [];
}

function inCommand(
  command: Command,
  before: readonly string[],
  text: string,
  { environment }: CompletionSource,
): Candidate[] {
  const option = (flag: string | undefined): Option | undefined =>
    command.options.find(
      (each) => flag !== undefined && [each.long, each.short].includes(flag) && !isSwitch(each),
    );
  const asked = option(before.at(-1));
  if (asked && !(asked.optional && text.startsWith("-"))) return valuesOf(asked, text, environment);
  const [, flag, value = ""] = /^(--[^=]+)=(.*)$/.exec(text) ?? [];
  const joined = option(flag);
  if (joined && flag !== undefined)
    return valuesOf(joined, value, environment).map((each) =>
      each === FILES ? each : { ...each, value: `${flag}=${each.value}` },
    );
  if (text.startsWith("-")) return beginning(text, flagsOf(command));
  const { registeredArguments: known } = command;
  const position = before.filter((word, i) => !word.startsWith("-") && !option(before[i - 1])).length;
  const argument = known[position] ?? known.at(-1);
  if (!argument || (position >= known.length && !argument.variadic)) return [];
  if (argument.argChoices) return beginning(text, argument.argChoices.map(valued));
  return placesFor(argument.name(), text, environment);
}

function flagsOf(command: Command): Candidate[] {
  const flags = command.options
    .filter((each) => !each.hidden)
    .map(({ long, short, description }) => ({ value: long ?? short ?? "", description }));
  return [...flags, { value: "--help", description: "print this help" }];
}

function isSwitch({ required, optional }: Option): boolean {
  return !required && !optional;
}

/** What options take that say no more than a word about it. */
const known: Readonly<Record<string, readonly string[]>> = {
  "--compress": COMPRESSORS,
  "--store": ["auto", "daemon", "unix://", "ssh-ng://", "https://", "file://"],
  "--os": ["linux"],
  "--arch": ["amd64", "arm64"],
  "--architecture": ["amd64", "arm64"],
  "--created": ["now"],
  "--mtime": ["now"],
};

function valuesOf(option: Option, text: string, environment: CompletionSource["environment"]): Candidate[] {
  const values = option.argChoices ?? known[option.long ?? ""];
  if (values) return beginning(text, values.map(valued));
  const [, what = ""] = /[<[](.+)[>\]]/.exec(option.flags) ?? [];
  return placesFor(what, text, environment);
}

/** By what the help calls it. */
function placesFor(
  what: string,
  text: string,
  { NIX_STORE_DIR }: CompletionSource["environment"],
): Candidate[] {
  const isStorePath = /PATH|SPEC|IMAGE|FROM|TO$|OLD|NEW|DRV|INSTALLABLE/.test(what);
  const isFile = isStorePath || /FILE|DIR|ARCHIVE|CONF|ATTRS|REF|PLACE|SOURCE/.test(what);
  const storeDir = NIX_STORE_DIR === undefined || NIX_STORE_DIR === "" ? "/nix/store" : NIX_STORE_DIR;
  const derivations = /DRV|INSTALLABLE/.test(what);
  const paths = isStorePath ? storePathsNamed(text, { storeDir, derivations }) : [];
  return [...paths.map(valued), ...(isFile ? [FILES] : [])];
}

function valued(value: string): Candidate {
  return { value, description: "" };
}

function beginning(text: string, all: readonly Candidate[]): Candidate[] {
  return all.filter(({ value }) => value.startsWith(text));
}
