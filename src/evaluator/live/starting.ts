/** How the sessions of an evaluator are started: flags, environment, and what happens where `nix repl` does not. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import type { LogEvent } from "../log.js";
import { commonFlags, type NixProgramOptions } from "../program.js";
import { ProgramSession } from "../sessions/programs.js";
import { ReplSession } from "../sessions/repl.js";
import type { Session } from "../sessions/session.js";

export interface StartOptions extends Omit<NixProgramOptions, "signal" | "onLog"> {
  readonly mode: "read-only" | "read-write";
  readonly pure: boolean;
  readonly onLog: ((event: LogEvent) => void) | undefined;
}

/** Bytes of an answer: V8 has no longer strings. */
const MAX_ANSWER = 500 << 20;

/** @param folder a folder of the evaluator's own */
export function sessionStarter(
  folder: string,
  options: StartOptions,
): (signal: AbortSignal) => Promise<Session> {
  let isFallback = false;
  let hasStarted = false;
  return async (signal) => {
    if (isFallback) return startProgram(folder, options);
    try {
      const session = await startRepl(folder, options, signal);
      hasStarted = true;
      return session;
    } catch (error) {
      signal.throwIfAborted();
      // One that has started before was ended by somebody.
      if (hasStarted || !(error instanceof LaminixError) || error.code !== "ERR_PROGRAM") throw error;
      // Where this does not start either, there is no Nix.
      const session = await startProgram(folder, options);
      isFallback = true;
      options.onLog?.({
        type: "message",
        level: "notice",
        text: `nix repl does not start, so every question starts a program, which takes longer (${error.message})`,
      });
      return session;
    }
  };
}

async function startRepl(folder: string, options: StartOptions, signal: AbortSignal): Promise<Session> {
  const { env, cwd, mode, pure } = options;
  const isReadOnly = mode === "read-only";
  const session = await ReplSession.start({
    args: [
      ...commonFlags("nix", { ...options, ...(isReadOnly && { store: join(folder, "store") }) }),
      ...(isReadOnly ? ["--option", "build-users-group", ""] : []),
      ...modeFlags(options),
      // It names the files that are read.
      "-v",
    ],
    env: { ...process.env, ...privateFolders(folder), ...(await storeFolder(options)), ...env },
    cwd,
    ...{ maxAnswer: MAX_ANSWER, signal },
  });
  if (!pure || session.isPure) return session;
  await session.end();
  throw new LaminixError("ERR_UNSUPPORTED", `Nix ${session.version} ignores pure evaluation in nix repl`, {
    details: { version: session.version },
    hint: "use a newer Nix, or evaluate() with the setting pure-eval",
  });
}

async function startProgram(folder: string, options: StartOptions): Promise<Session> {
  const { store, include, settings, env, cwd, mode } = options;
  const given = {
    ...(store !== undefined && { store }),
    ...(include && { include }),
    ...(settings && { settings }),
  };
  return ProgramSession.start({
    ...given,
    ...(cwd !== undefined && { cwd }),
    env: { ...privateFolders(folder), ...env },
    flags: [...(mode === "read-write" ? ["--read-write-mode"] : []), ...modeFlags(options)],
  });
}

function modeFlags({ mode, pure }: StartOptions): string[] {
  return [
    ...(mode === "read-only" ? ["--option", "allow-import-from-derivation", "false"] : []),
    ...(pure ? ["--option", "pure-eval", "true"] : []),
  ];
}

/** What Nix writes for its user goes here: the history of its prompt, and what it has fetched. */
function privateFolders(folder: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { TERM: "dumb", INPUTRC: "/dev/null" };
  for (const name of ["CACHE", "DATA", "STATE"]) {
    const path = join(folder, name.toLowerCase());
    mkdirSync(path, { recursive: true });
    environment[`XDG_${name}_HOME`] = path;
    // A newer Nix looks at these first.
    environment[`NIX_${name}_HOME`] = join(path, "nix");
  }
  return environment;
}

/** The private store's paths look like those of the store that was named. */
async function storeFolder({ store, mode }: StartOptions): Promise<NodeJS.ProcessEnv> {
  if (mode !== "read-only" || typeof store !== "object" || !("storeDir" in store)) return {};
  const named = store as { storeDir(): Promise<string> };
  return { NIX_STORE_DIR: await named.storeDir() };
}
