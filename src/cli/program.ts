/** The program: its commands, and what the command line asks of them. */
import { Command, CommanderError } from "commander";
import { LaminixError } from "../errors.js";
import { removeLeftBehind } from "../files/temporary.js";
import { redactUrl } from "../redact.js";
import type { Io } from "./io.js";
import { withCommonOptions } from "./options.js";
import { version } from "./version.js";

/** @param rest arguments after `--` */
type MakeCommand = (io: Io, rest: readonly string[]) => Command;

const STORE = "The Nix store:";

type LoadCommand = () => Promise<MakeCommand>;

/** By the headings under which help lists them, and in its order. */
const groups: Readonly<Record<string, Readonly<Record<string, LoadCommand>>>> = {
  "Images:": {
    stream: async () => (await import("./commands/image.js")).stream,
    build: async () => (await import("./commands/image.js")).build,
    load: async () => (await import("./commands/load.js")).load,
    "build-image": async () => (await import("./commands/buildImage.js")).buildImage,
    "nix-shell": async () => (await import("./commands/nixShell.js")).nixShell,
    layers: async () => (await import("./commands/layers.js")).layers,
    inspect: async () => (await import("./commands/inspect.js")).inspect,
    validate: async () => (await import("./commands/validate.js")).validate,
    export: async () => (await import("./commands/export.js")).exportCommand,
    merge: async () => (await import("./commands/merge.js")).merge,
    index: async () => (await import("./commands/imageIndex.js")).index,
    push: async () => (await import("./commands/push.js")).push,
    pull: async () => (await import("./commands/pull.js")).pull,
  },
  "Containers over this system's store:": {
    run: async () => (await import("./commands/run.js")).run,
    mounts: async () => (await import("./commands/mounts.js")).mounts,
  },
  [STORE]: {
    closure: async () => (await import("./commands/closure.js")).closure,
    referrers: async () => (await import("./commands/referrers.js")).referrers,
    tree: async () => (await import("./commands/tree.js")).tree,
    "why-depends": async () => (await import("./commands/whyDepends.js")).whyDepends,
    diff: async () => (await import("./commands/diff.js")).diff,
    duplicates: async () => (await import("./commands/duplicates.js")).duplicates,
    roots: async () => (await import("./commands/roots.js")).roots,
    hold: async () => (await import("./commands/hold.js")).hold,
    store: async () => (await import("./commands/store.js")).store,
    eval: async () => (await import("./commands/eval.js")).evaluation,
    realise: async () => (await import("./commands/realise.js")).realisation,
    cache: async () => (await import("./commands/cache.js")).cache,
  },
  "Steps of the builds in nix/:": {
    "stream-conf": async () => (await import("./commands/streamConf.js")).streamConf,
    conf: async () => (await import("./commands/conf.js")).conf,
    customise: async () => (await import("./commands/customise.js")).customise,
  },
};

/** The one that is meant, if it is clear which; loading them all takes as long as a short command. */
async function commandsFor(argv: readonly string[], io: Io): Promise<Command[]> {
  const [first = ""] = argv;
  const rest = argv.includes("--") ? argv.slice(argv.indexOf("--") + 1) : [];
  const all = Object.entries(groups).flatMap(([heading, commands]) =>
    Object.entries(commands).map(([name, load]) => ({ heading, name, load })),
  );
  const meant = all.filter(({ name }) => name === first);
  return Promise.all(
    (meant.length > 0 ? meant : all).map(async ({ heading, load }) =>
      (await load())(io, rest).helpGroup(heading),
    ),
  );
}

/** Removes temporary files of runs that were killed. */
async function cleanUp(io: Io): Promise<void> {
  const rest = removeLeftBehind();
  if (rest.length > 0) await (await import("../vm/leftBehind.js")).removeMapped(rest, io.signal);
}

/** @throws {LaminixError} ERR_USAGE, and what the command throws */
export async function runProgram(argv: readonly string[], io: Io): Promise<void> {
  let help = "";
  const program = new Command("laminix")
    .description("Build container images from Nix store paths, and query the Nix store.")
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
  // What images are made with may be large; a question to the store has no time for what others left.
  program.hook("preAction", async (_, command) => {
    if (command.helpGroup() !== STORE) await cleanUp(io);
  });
  for (const command of await commandsFor(argv, io)) {
    program.addCommand(withCommonOptions(command.copyInheritedSettings(program)));
  }

  try {
    if (argv.length === 0) program.help();
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0 && help === "") throw usageError(error, argv);
    await io.stdout.write(help);
  }
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
docs/image-spec.md lists its keys. For a SPEC or an ARCHIVE, - is standard input.`;

function usageError(error: CommanderError, argv: readonly string[]): LaminixError {
  // As a whole, since a password may have white space in it.
  const text = argv.reduce((before, arg) => before.replaceAll(arg, () => redactUrl(arg)), error.message);
  const [message = "", ...rest] = text.replace(/^error: /, "").split("\n");
  const [, missing] = /^missing required argument '(.*)'$/.exec(message) ?? [];
  const suggestion = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return new LaminixError("ERR_USAGE", missing === undefined ? message : `${missing} is missing`, {
    hint:
      suggestion === ""
        ? "`laminix --help` and `laminix COMMAND --help` list the commands and flags"
        : suggestion,
  });
}
