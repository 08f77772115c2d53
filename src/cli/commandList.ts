/** All commands, each loaded when it is needed. */
import type { Command } from "commander";
import type { Io } from "./io.js";

/** @param rest arguments after `--` */
type MakeCommand = (io: Io, rest: readonly string[]) => Command;

type LoadCommand = () => Promise<MakeCommand>;

/** Heading of questions to the store. */
export const STORE = "The Nix store:";
/** Heading of what is about the program itself. */
export const PROGRAM = "This program:";

/** For scripts, and in no list. */
const hidden: Readonly<Record<string, LoadCommand>> = {
  complete: async () => (await import("./commands/complete.js")).complete,
};

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
    lock: async () => (await import("./commands/lock.js")).lock,
  },
  "Containers over this system's store:": {
    run: async () => (await import("./commands/run.js")).run,
    mounts: async () => (await import("./commands/mounts.js")).mounts,
    hold: async () => (await import("./commands/hold.js")).hold,
  },
  [STORE]: {
    closure: async () => (await import("./commands/closure.js")).closure,
    referrers: async () => (await import("./commands/referrers.js")).referrers,
    tree: async () => (await import("./commands/tree.js")).tree,
    "why-depends": async () => (await import("./commands/whyDepends.js")).whyDepends,
    diff: async () => (await import("./commands/diff.js")).diff,
    duplicates: async () => (await import("./commands/duplicates.js")).duplicates,
    roots: async () => (await import("./commands/roots.js")).roots,
    store: async () => (await import("./commands/store.js")).store,
    eval: async () => (await import("./commands/eval.js")).evaluation,
    realise: async () => (await import("./commands/realise.js")).realisation,
    cache: async () => (await import("./commands/cache.js")).cache,
    lsp: async () => (await import("./commands/lsp.js")).lsp,
  },
  "Steps of the builds in nix/:": {
    "stream-conf": async () => (await import("./commands/streamConf.js")).streamConf,
    conf: async () => (await import("./commands/conf.js")).conf,
    customise: async () => (await import("./commands/customise.js")).customise,
    blob: async () => (await import("./commands/blob.js")).blob,
  },
  [PROGRAM]: {
    doctor: async () => (await import("./commands/doctor.js")).doctor,
    completion: async () => (await import("./commands/completion.js")).completion,
    help: async () => (await import("./commands/help.js")).help,
  },
};

const all = Object.entries(groups).flatMap(([heading, commands]) =>
  Object.entries(commands).map(([name, load]) => ({ heading, name, load })),
);

export function isCommand(name: string): boolean {
  return all.some((each) => each.name === name);
}

/** The one that is meant, if it is clear which; loading them all takes as long as a short command. */
export async function commandsFor(argv: readonly string[], io: Io): Promise<Command[]> {
  const [first = ""] = argv;
  const rest = argv.includes("--") ? argv.slice(argv.indexOf("--") + 1) : [];
  const script = Object.hasOwn(hidden, first) ? hidden[first] : undefined;
  if (script) return [(await script())(io, rest).helpGroup(PROGRAM)];
  const meant = all.filter(({ name }) => name === first);
  return Promise.all(
    (meant.length > 0 ? meant : all).map(async ({ heading, load }) =>
      (await load())(io, rest).helpGroup(heading),
    ),
  );
}
