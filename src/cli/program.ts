/** The program: its commands, and what the command line asks of them. */
import { Command, CommanderError } from "commander";
import { LaminixError } from "../errors.js";
import { removeLeftBehind } from "../files/temporary.js";
import { redactUrl } from "../redact.js";
import { commandsFor, isCommand, PROGRAM, STORE } from "./commandList.js";
import { withHeadings } from "./colour.js";
import type { Io } from "./io.js";
import { withCommonOptions } from "./options.js";
import { version } from "./version.js";

/** Removes temporary files of runs that were killed. */
async function cleanUp(io: Io): Promise<void> {
  const rest = removeLeftBehind();
  if (rest.length > 0) await (await import("../vm/leftBehind.js")).removeMapped(rest, io.signal);
}

/**
 * The program with the command that is meant, or with all.
 * @param onHelp called with the text of help
 */
export async function programFor(
  argv: readonly string[],
  io: Io,
  onHelp: (text: string) => void,
): Promise<Command> {
  const program = new Command("laminix")
    .description("Build container images from Nix store paths, and query the Nix store.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .configureOutput({ writeOut: onHelp, writeErr: () => undefined });
  program.addHelpText("after", examples);
  // What images are made with may be large; a question to the store has no time for what others left.
  program.hook("preAction", async (_, command) => {
    if (![STORE, PROGRAM].includes(command.helpGroup())) await cleanUp(io);
  });
  for (const command of await commandsFor(argv, io)) {
    program.addCommand(withCommonOptions(command.copyInheritedSettings(program)));
  }
  return program;
}

/** @throws {LaminixError} ERR_USAGE, and what the command throws */
export async function runProgram(given: readonly string[], io: Io): Promise<void> {
  const argv = withoutHelp(given);
  let help = "";
  const program = await programFor(argv, io, (text) => (help += text));
  try {
    if (argv.length === 0) program.help();
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0 && help === "") throw usageError(error, argv);
    await io.stdout.write(withHeadings(help));
  }
}

/** `help COMMAND` is `COMMAND --help`; of a command that is not there, what is meant is told as for the command. */
function withoutHelp(argv: readonly string[]): readonly string[] {
  const [first, name = ""] = argv;
  if (first !== "help" || name === "--help" || name === "-h") return argv;
  if (name === "" || name.startsWith("-")) return ["--help"];
  return isCommand(name) ? [name, "--help"] : [name];
}

const examples = `
Examples:
  laminix stream ./result --cmd /bin/hello | docker load
  laminix build spec.json -o image.tar.gz
  laminix export image.tar.gz | tar -tv
  docker save debian | laminix inspect -
  laminix closure ./result --sizes
  laminix why-depends ./result /nix/store/…-openssl-3.0.14
  laminix layers ./result --max-layers 20
  laminix run ./result -- sh

A PATH is a store path, a path inside one, or a link to one such as ./result; for an image it can also be any folder.
A SPEC is a JSON file, such as
  {"name":"site","contents":["/nix/store/…-nginx-1.27.1","./site"],"config":{"Cmd":["/bin/nginx"]}}
docs/image-spec.md lists its keys. For a SPEC or an ARCHIVE, - is standard input.
\`laminix help COMMAND\` describes a command and its flags.`;

function usageError(error: CommanderError, argv: readonly string[]): LaminixError {
  // As a whole, since a password may have white space in it.
  const text = argv.reduce((before, arg) => before.replaceAll(arg, () => redactUrl(arg)), error.message);
  const [message = "", ...rest] = text.replace(/^error: /, "").split("\n");
  const [, missing] = /^missing required argument '(.*)'$/.exec(message) ?? [];
  const suggestion = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return new LaminixError("ERR_USAGE", missing === undefined ? message : `${missing} is missing`, {
    hint:
      suggestion === ""
        ? "`laminix help` and `laminix help COMMAND` list the commands and flags"
        : suggestion,
  });
}
