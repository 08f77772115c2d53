/** Expressions over `nix/`, evaluated and built with a small package set in a store of the test's own. */
import path from "node:path";
import { type NixStore, type NixStoreOptions, startNixStore } from "./nixStore.js";
import { vmKernelPath } from "./vm.js";
import { projectRoot, run, type RunResult } from "./run.js";

export interface NixFunctions extends AsyncDisposable {
  readonly store: NixStore;
  /** The value of an expression, strictly. */
  evaluate<T>(expression: string): Promise<T>;
  /** Builds what an expression gives, and answers the store path; rejects unless it succeeds. */
  build(expression: string, args?: readonly string[]): Promise<string>;
  /** The same, whatever comes of it. */
  tryToBuild(expression: string, args?: readonly string[]): Promise<RunResult>;
}

/**
 * In scope of the expressions: `pkgs`, `packagesFor` another system, nix/default.nix as `functions`, and what it gives for
 * `pkgs` as `images`.
 */
export async function nixFunctions(
  options: Pick<NixStoreOptions, "nix" | "daemonEnv"> = {},
): Promise<NixFunctions> {
  const store = await startNixStore(options);
  const file = (name: string): string => path.join(projectRoot, name);
  const command = `${process.execPath} ${file("dist/bundled/laminix.js")}`;
  const scope = `
    let
      packagesFor = system: import ${file("test/support/nixPackages.nix")} {
        inherit system;
        path = ${JSON.stringify(process.env["PATH"])};
        kernel = ${JSON.stringify(vmKernelPath())};
        command = ${JSON.stringify(JSON.stringify(command))};
      } // { inherit system; };
      pkgs = packagesFor builtins.currentSystem;
      functions = import ${file("nix")};
      images = functions { inherit pkgs; };
    in`;
  const evaluator = (program: string, expression: string, args: readonly string[]): Promise<RunResult> =>
    run(program, [...args, "-E", `${scope} ${expression}`], { env: store.env, timeout: 600_000 });
  const outputOf = ({ code, stdout, stderr }: RunResult): string => {
    if (code !== 0) throw new Error(stderr);
    return stdout.toString().trim();
  };
  const tryToBuild: NixFunctions["tryToBuild"] = (expression, args = []) =>
    evaluator("nix-build", expression, ["--no-out-link", ...args]);
  return {
    store,
    evaluate: async <T>(expression: string) =>
      JSON.parse(
        outputOf(
          await evaluator("nix-instantiate", expression, [
            "--eval",
            "--strict",
            "--json",
            "--read-write-mode",
          ]),
        ),
      ) as T,
    build: async (expression, args) => outputOf(await tryToBuild(expression, args)),
    tryToBuild,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
