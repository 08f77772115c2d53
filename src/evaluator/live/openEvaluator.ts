import { Evaluator } from "./evaluator.js";
import { checkEvaluatorOptions, type EvaluatorOptions } from "./options.js";

/**
 * Starts a Nix that stays alive until it is closed.
 * @param options `signal` closes it
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_PROGRAM where there is no Nix; ERR_UNSUPPORTED where `pure` is not to be had; ERR_FILE_WRITE
 */
export async function openEvaluator(options: EvaluatorOptions = {}): Promise<Evaluator> {
  checkEvaluatorOptions(options);
  options.signal?.throwIfAborted();
  const evaluator = new Evaluator(options);
  try {
    await evaluator.ready({});
    return evaluator;
  } catch (error) {
    await evaluator.close();
    throw error;
  }
}
