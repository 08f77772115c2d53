/** Expressions over `nix/`, evaluated and built with a small package set in a store of the test's own. */
import path from "node:path";
import { type NixStore, startNixStore } from "./nixStore.js";
import type { NixRelease } from "./nixes.js";
import { projectRoot, run, type RunOptions, type RunResult } from "./run.js";

export interface NixFunctions extends AsyncDisposable {
  readonly store: NixStore;
  /** The value of an expression, strictly. */
  evaluate<T>(expression: string): Promise<T>;
  /** Builds what an expression gives, and answers the store path. */
  build(expression: string, options?: RunOptions): Promise<string>;
  /** The same, whatever comes of it. */
  tryToBuild(expression: string, options?: RunOptions): Promise<RunResult>;
}

/** `pkgs` and, under `images`, the functions of nix/default.nix are in scope of the expressions. */
export async function nixFunctions(options: { readonly nix?: NixRelease } = {}): Promise<NixFunctions> {
  const store = await startNixStore(options);
  const file = (name: string): string => path.join(projectRoot, name);
  const command = `${process.execPath} ${file("dist/cli/bin.js")}`;
  const scope = `
    let
      pkgs = import ${file("test/support/nixPackages.nix")} {
        path = ${JSON.stringify(process.env["PATH"])};
        command = ${JSON.stringify(JSON.stringify(command))};
      };
      images = import ${file("nix")} { inherit pkgs; };
    in`;
  const tryToRun = (program: string, args: readonly string[], runOptions?: RunOptions): Promise<RunResult> =>
    run(program, args, { ...runOptions, env: { ...store.env, ...runOptions?.env } });
  const mustRun = async (...call: Parameters<typeof tryToRun>): Promise<string> => {
    const { code, stdout, stderr } = await tryToRun(...call);
    if (code !== 0) throw new Error(stderr);
    return stdout.toString().trim();
  };
  const buildArguments = (expression: string): string[] => ["--no-out-link", "-E", `${scope} ${expression}`];
  return {
    store,
    evaluate: async <T>(expression: string) =>
      JSON.parse(
        await mustRun("nix-instantiate", [
          ...["--eval", "--strict", "--json", "-E"],
          `${scope} ${expression}`,
        ]),
      ) as T,
    build: (expression, runOptions) => mustRun("nix-build", buildArguments(expression), runOptions),
    tryToBuild: (expression, runOptions) => tryToRun("nix-build", buildArguments(expression), runOptions),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
