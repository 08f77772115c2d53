import { type Evaluator, type EvaluatorOptions, openEvaluator } from "laminix/evaluator";
import { afterAll, beforeAll } from "vitest";
import { type Nix, nixes, type NixRelease, searchPath } from "./nixes.js";
import { describeWith } from "./requirements.js";

/** An evaluator of a release. Unless it is read-write, it needs no store but its own. */
export function evaluatorOf(release: NixRelease, options: EvaluatorOptions = {}): Promise<Evaluator> {
  const env = { PATH: searchPath(release), ...options.env };
  return openEvaluator({ spare: false, ...options, env });
}

/** What is so with every Nix; the tests of one share an evaluator, which `get` gives. */
export function describeEvaluators(
  what: string,
  body: (get: () => Evaluator, nix: Nix) => void,
  options: EvaluatorOptions = {},
): void {
  for (const nix of nixes) {
    describeWith(nix.needs, `${what} with ${nix.name}`, () => {
      let shared: Evaluator | undefined;
      beforeAll(async () => {
        shared = await evaluatorOf(nix.release, options);
      });
      afterAll(() => shared?.close());
      body(() => shared!, nix);
    });
  }
}
