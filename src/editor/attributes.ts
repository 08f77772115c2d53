/** Names of attributes in a Nix file: `laminix/attributes`. The evaluator stays alive; nothing is built or written. */
import { isAbsolute } from "node:path";
import { ArgumentError, LaminixError } from "../errors.js";
import type { Evaluator } from "../evaluator/live/evaluator.js";
import type { EvaluatorValue } from "../evaluator/live/evaluatorValue.js";
import type { Asking } from "./asking.js";
import { keepLast } from "./keepLast.js";
import { objectOf, stringIn } from "./parameters.js";
import type { SettingSources } from "./settings.js";

/** Milliseconds that an evaluation may take. */
const TIMEOUT = 10_000;
/** Files that are kept loaded. */
const MOST_LOADED = 8;
const MOST_NAMES = 1000;

export interface AttributeNames {
  readonly names: readonly string[];
  /** Whether there may be more. */
  readonly isIncomplete: boolean;
}

export class Attributes implements AsyncDisposable {
  readonly #settings: SettingSources;
  #evaluator: Promise<Evaluator> | undefined;
  readonly #loaded = new Map<string, Promise<EvaluatorValue>>();

  constructor(settings: SettingSources) {
    this.#settings = settings;
  }

  /**
   * @param params `file`: its absolute path; `attributePath`: a list of names; `prefix`; `limit`
   * @throws {LaminixError} ERR_NOT_TRUSTED, ERR_ARGUMENT, ERR_EVALUATION, ERR_EVALUATION_TIME, ERR_PROGRAM, …
   */
  async names(params: unknown, { signal }: Asking): Promise<AttributeNames> {
    this.#settings.requireTrust("nothing is evaluated");
    if (!this.#settings.current.evaluate) {
      throw new LaminixError("ERR_NOT_TRUSTED", "nothing is evaluated, as the setting laminix.evaluate says");
    }
    const file = stringIn(params, "file");
    if (!isAbsolute(file)) throw new ArgumentError("params.file", "an absolute path", file);
    const { attributePath = [], prefix = "", limit = MOST_NAMES } = objectOf(params, "params");
    if (!Array.isArray(attributePath) || !attributePath.every((each) => typeof each === "string"))
      throw new ArgumentError("params.attributePath", "a list of names", attributePath);
    if (typeof prefix !== "string") throw new ArgumentError("params.prefix", "a string", prefix);
    if (!Number.isInteger(limit) || (limit as number) < 1)
      throw new ArgumentError("params.limit", "a whole number from 1 up", limit);
    const most = Math.min(limit as number, MOST_NAMES);
    const root = await this.#load(file, signal);
    const question = { signal, timeout: TIMEOUT };
    const names = await root.get(...attributePath).keys({ ...question, prefix, limit: most + 1 });
    return { names: names.slice(0, most), isIncomplete: names.length > most };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const evaluator = await this.#evaluator?.catch(() => undefined);
    await evaluator?.close();
  }

  async #load(file: string, signal: AbortSignal): Promise<EvaluatorValue> {
    const known = this.#loaded.get(file);
    if (known) return known;
    const evaluator = await this.#open();
    const loading = evaluator.load({ file }, { signal, timeout: TIMEOUT });
    keepLast(this.#loaded, file, loading, MOST_LOADED);
    loading.catch(() => {
      if (this.#loaded.get(file) === loading) this.#loaded.delete(file);
    });
    return loading;
  }

  async #open(): Promise<Evaluator> {
    if (!this.#evaluator) {
      const { openEvaluator } = await import("../evaluator/live/openEvaluator.js");
      const opening = openEvaluator({ mode: "read-only", spare: false, watch: true });
      this.#evaluator = opening;
      opening.catch(() => {
        if (this.#evaluator === opening) this.#evaluator = undefined;
      });
    }
    return this.#evaluator;
  }
}
