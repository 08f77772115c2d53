/** The command line: what it understands, and what its errors look like. */
import { Command, CommanderError } from "commander";
import { LaminixError } from "../errors.js";
import { cache } from "./commands/cache.js";
import { closure } from "./commands/closure.js";
import { build, stream } from "./commands/image.js";
import { inspect } from "./commands/inspect.js";
import { layers } from "./commands/layers.js";
import { referrers } from "./commands/referrers.js";
import { store } from "./commands/store.js";
import { streamConf } from "./commands/streamConf.js";
import { type Io, OutputClosed } from "./io.js";
import { version } from "./version.js";

/** Exit codes. */
const DONE = 0;
const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;
const CLOSED = 141;

/**
 * Runs one command line.
 * @param argv the arguments, without the program
 * @returns the exit code
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let help = "";
  const program = new Command("laminix")
    .description("Container images from Nix store paths, and questions to the Nix store.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => (help += text),
      writeErr: () => undefined,
    });
  program.addHelpText("after", examples);
  for (const command of [stream, build, layers, streamConf, inspect, closure, referrers, store, cache]) {
    program.addCommand(command(io).copyInheritedSettings(program));
  }

  try {
    try {
      if (argv.length === 0) program.help();
      await program.parseAsync(argv, { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode !== 0 && help === "") throw usageError(error);
      await io.stdout.write(help);
    }
    return DONE;
  } catch (error) {
    if (error instanceof OutputClosed) return CLOSED;
    if (io.signal.aborted) return INTERRUPTED;
    report(error, io, argv);
    return error instanceof LaminixError && error.code === "ERR_USAGE" ? USAGE : FAILED;
  }
}

const examples = `
Examples:
  laminix stream ./result --cmd /bin/hello | docker load
  laminix build spec.json -o image.tar.gz
  laminix closure ./result --sizes
  laminix layers ./result --max-layers 20

A PATH is a store path, something in one, or a link to one such as ./result.`;

function usageError(error: CommanderError): LaminixError {
  const [message = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return new LaminixError("ERR_USAGE", message, {
    hint: suggestion === "" ? "`laminix --help` and `laminix COMMAND --help` tell what there is" : suggestion,
  });
}

function report(error: unknown, io: Io, argv: readonly string[]): void {
  const { message } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof LaminixError ? error.code : "ERR_INTERNAL";
  const hint = error instanceof LaminixError ? error.hint : undefined;
  if (argv.includes("--json")) {
    io.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    return;
  }
  io.stderr.write(`laminix: ${message}\n`);
  if (hint !== undefined) io.stderr.write(`hint: ${hint}\n`);
  const verbose = argv.includes("--verbose") || code === "ERR_INTERNAL";
  if (verbose && error instanceof Error) io.stderr.write(`${error.stack ?? ""}\n`);
}
