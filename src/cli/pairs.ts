/** Options with two values, `--arg NAME EXPR`, which the parser of the command line does not know. */
import type { Command } from "commander";
import { LaminixError } from "../errors.js";

export type Pair = readonly [name: string, value: string];

/** Lets each of the options take a NAME and a value, and be repeated. Its value is a list of {@link Pair}s. */
export function withPairs(command: Command, options: Readonly<Record<string, string>>): Command {
  for (const [flags, description] of Object.entries(options)) {
    command.option(flags, description, (pair: string, before: readonly Pair[] | undefined) => [
      ...(before ?? []),
      JSON.parse(pair) as Pair,
    ]);
  }
  const names = Object.keys(options).map((flags) => flags.split(" ")[0] ?? "");
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (argv) => parse(joined(argv, names));
  return command;
}

/** Makes the two values one, in a form that is taken apart again above. */
function joined(argv: readonly string[], names: readonly string[]): string[] {
  const all: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") return [...all, ...argv.slice(i)];
    if (names.includes(word)) {
      const [name, value] = argv.slice(i + 1, i + 3);
      if (name === undefined || value === undefined)
        throw new LaminixError("ERR_USAGE", `${word} needs a name and a value`);
      all.push(word, JSON.stringify([name, value]));
      i += 2;
    } else {
      all.push(word);
    }
  }
  return all;
}
