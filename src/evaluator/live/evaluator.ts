/** An evaluator that stays alive. */
import { EventEmitter } from "node:events";
import { resolve } from "node:path";
import { onAbort } from "../../abort.js";
import { ArgumentError, LaminixError } from "../../errors.js";
import { TemporaryFolder } from "../../files/temporary.js";
import { evaluationFailure } from "../failure.js";
import type { Position } from "../nixError.js";
import { type NixProgramOptions, runNix } from "../program.js";
import type { Question, UnfinishedFile } from "../sessions/session.js";
import { Transfer } from "../sessions/transfer.js";
import type { Subject } from "../subject.js";
import type { NixInput } from "../value.js";
import { askAll, type Settled } from "./batch.js";
import type { NixData } from "./data.js";
import { EvaluatorValue } from "./evaluatorValue.js";
import { ImportWatcher } from "./imports.js";
import { bindingsOf, type LoadArguments, Loader } from "./loading.js";
import {
  boundsOf,
  checkQuestion,
  type EvaluatorOptions,
  type QuestionOptions,
  type ToJsOptions,
} from "./options.js";
import { Pool } from "./pool.js";
import { about, Questions, type Want } from "./questions.js";
import { removeAtExit, removeNow } from "./remains.js";
import { type Root, sessionOf } from "./root.js";
import { Sources } from "./sources.js";
import { sessionStarter } from "./starting.js";

export interface LoadSubjectOptions extends LoadArguments, QuestionOptions {}

interface EvaluatorEvents {
  /** Imported files have changed; the next answer is of what is in them now. */
  change: [{ readonly files: readonly string[] }];
}

/**
 * A Nix that stays alive, and answers questions about what has been loaded in milliseconds. It ends with `close`, and with
 * this process, whose end it does not hold up.
 */
export class Evaluator extends EventEmitter<EvaluatorEvents> implements AsyncDisposable {
  readonly mode: "read-only" | "read-write";
  /** @internal The options of programs that work for it. */
  readonly programOptions: Omit<NixProgramOptions, "signal" | "onLog">;
  readonly #folder = new TemporaryFolder();
  readonly #transfer: Transfer;
  readonly #sources: Sources;
  readonly #loader: Loader;
  readonly #pool: Pool;
  readonly #questions: Questions;
  readonly #watcher: ImportWatcher | undefined;
  readonly #stopListening: () => void;
  /** Changed files that no one has been told of. */
  readonly #changed = new Set<string>();
  #isOutdated = false;
  readonly #lock: ((flake: string) => Promise<string>) | undefined;
  /** Those that something may still be asked of. */
  #roots: WeakRef<Root>[] = [];
  #count = 0;
  #closed: { readonly reason: unknown } | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(options: EvaluatorOptions) {
    super();
    const { mode = "read-only", pure = false, workers = 1, spare = true, signal, onLog, ...rest } = options;
    const { memoryLimit = 4 * 2 ** 30, maxQueued = 65_536, watch = false, ...programOptions } = rest;
    this.mode = mode;
    removeAtExit(this.#folder);
    this.programOptions = programOptions;
    const folder = this.#folder.path;
    const cwd = resolve(options.cwd ?? ".");
    this.#transfer = new Transfer(folder, pure);
    this.#sources = new Sources(this.#transfer, cwd, folder);
    this.#loader = new Loader(this.#transfer, this.#sources, cwd);
    this.#pool = new Pool({
      ...{ workers, hasSpare: spare, memoryLimit, maxQueued },
      start: sessionStarter(folder, { ...programOptions, mode, pure, onLog }),
      warmUp: () => this.#warmUp(),
    });
    this.#watcher = watch
      ? new ImportWatcher(folder, (file) => {
          this.#hasChanged(file);
        })
      : undefined;
    const onImport = this.#watcher && ((file: string, since: number) => this.#watcher?.add(file, since));
    this.#questions = new Questions({
      ...{ pool: this.#pool, transfer: this.#transfer, sources: this.#sources },
      ...{ onLog, onImport },
      unfinished: (error) => this.#unfinished(error),
    });
    this.#stopListening = onAbort(signal, () => void this.#close(signal?.reason));
    this.#lock = pure ? (flake) => lockedFlake(flake, programOptions) : undefined;
  }

  /** @internal Settles when there is a Nix that answers. */
  async ready(options: QuestionOptions): Promise<void> {
    const nothing: Root = { name: "(L.root null false { })", bindings: [] };
    await this.#questions.ask(nothing, [], { load: null }, options);
  }

  /**
   * What an expression, a file or a flake evaluates to. It is evaluated as far as to know its type, so that what cannot be
   * parsed is told here. Relative paths start from the option `cwd`.
   * @throws {ArgumentError} ERR_ARGUMENT
   * @throws {LaminixError} as every question, see {@link EvaluatorValue}
   */
  async load(subject: Subject, options: LoadSubjectOptions = {}): Promise<EvaluatorValue> {
    checkQuestion(options, ["args", "autoArgs"]);
    this.#refresh();
    const loading = await this.#loader.text(subject, options, this.#lock);
    const name = `r${String(++this.#count)}`;
    const root: Root = { name, bindings: bindingsOf(loading, name) };
    const path = await this.#load(root, loading.paths, options);
    this.#roots.push(new WeakRef(root));
    this.#pool.settle();
    return new EvaluatorValue(this, root, path);
  }

  /**
   * Reads all files again: what is asked from now on is answered of what is in them then. Results of calls are lost.
   * @throws {LaminixError} ERR_CLOSED
   */
  async reload(options: QuestionOptions = {}): Promise<void> {
    checkQuestion(options);
    this.#refresh();
    this.#isOutdated = false;
    this.#pool.renew();
    await this.ready(options);
  }

  /**
   * Many values at once, in one round. It rejects with the error of the first that has one.
   * @throws as {@link EvaluatorValue.toJS}
   */
  async all(values: readonly EvaluatorValue[], options: ToJsOptions = {}): Promise<NixData[]> {
    const results = await this.#all(values, options, ({ status }) => status === "rejected");
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  /** The same, each with its own error, as of `Promise.allSettled`. */
  async allSettled(values: readonly EvaluatorValue[], options: ToJsOptions = {}): Promise<Settled[]> {
    return this.#all(values, options, () => false);
  }

  /** Ends it; questions that wait are rejected with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#close(new LaminixError("ERR_CLOSED", "the evaluator has been closed"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  async ask<T>(value: EvaluatorValue, want: Want, options: QuestionOptions): Promise<T> {
    this.#refresh();
    return this.#questions.ask<T>(value.root, value.path, want, options);
  }

  /** @internal */
  placeOf(position: Position | null): Position | undefined {
    return position ? this.#sources.place(position) : undefined;
  }

  /** @internal */
  async apply(
    value: EvaluatorValue,
    args: readonly (NixInput | EvaluatorValue)[],
    options: QuestionOptions,
  ): Promise<EvaluatorValue> {
    this.#refresh();
    const others = args.filter((arg) => arg instanceof EvaluatorValue);
    const only = sessionOf([value, ...others].map(({ root }) => root));
    const given = args.map((arg, i) => {
      if (!(arg instanceof EvaluatorValue)) return this.#loader.argument(arg, `args[${String(i)}]`);
      const path = this.#transfer.json(JSON.stringify(arg.path));
      return {
        text: `(L.shown ${arg.root.name} ${path.text})`,
        bindings: [...arg.root.bindings, ...path.bindings],
      };
    });
    const path = this.#transfer.json(JSON.stringify(value.path));
    const texts = given.map(({ text }) => text).join(" ");
    const name = `c${String(++this.#count)}`;
    const bindings = [
      ...[value.root, path, ...given].flatMap((each) => each.bindings),
      { name, text: `L.apply ${value.root.name} ${path.text} [ ${texts} ]` },
    ];
    const unbound = { name, bindings };
    const draft = { ...about(unbound, [], { load: null }), session: only };
    const { session } = await this.#questions.send(draft, options);
    return new EvaluatorValue(this, { ...unbound, session }, []);
  }

  /** @returns the first path that there is */
  async #load(
    root: Root,
    paths: readonly (readonly string[])[],
    options: QuestionOptions,
  ): Promise<readonly string[]> {
    const [only = []] = paths;
    if (paths.length <= 1) {
      await this.#questions.ask(root, only, { load: null }, options);
      return only;
    }
    const { choose } = await this.#questions.ask<{ choose: number | null }>(
      root,
      [],
      { choose: paths },
      options,
    );
    const path = choose === null ? undefined : paths[choose];
    // Nix says best what is missing.
    if (!path) await this.#questions.ask(root, paths.at(-1) ?? [], { load: null }, options);
    return path ?? [];
  }

  async #all(
    values: readonly EvaluatorValue[],
    options: ToJsOptions,
    isOver: (result: Settled) => boolean,
  ): Promise<Settled[]> {
    if (!Array.isArray(values) || !values.every((value) => value instanceof EvaluatorValue)) {
      throw new ArgumentError("values", "an array of EvaluatorValue", values);
    }
    const bounds = boundsOf(options);
    this.#refresh();
    return askAll(values, {
      questions: this.#questions,
      bounds,
      options,
      isOver,
    });
  }

  /** What a session is told before it is needed. */
  #warmUp(): Question[] {
    this.#roots = this.#roots.filter((root) => root.deref());
    return this.#roots.flatMap((reference) => {
      const root = reference.deref();
      if (!root) return [];
      const { text, bindings } = this.#transfer.json(JSON.stringify({ path: [], want: { warm: null } }));
      return [{ bindings: [...root.bindings, ...bindings], text: `L.ask ${root.name} ${text}` }];
    });
  }

  #hasChanged(file: string): void {
    if (this.#changed.size === 0) {
      // One event for what changes together, and none while somebody's question is being put together.
      setImmediate(() => {
        const files = [...this.#changed];
        this.#changed.clear();
        this.emit("change", { files });
      });
    }
    this.#changed.add(file);
    this.#isOutdated = true;
  }

  /** Before anything is asked: a closed evaluator has no folder to write to. */
  #refresh(): void {
    if (this.#closed) throw this.#closed.reason;
    if (!this.#isOutdated) return;
    this.#isOutdated = false;
    this.#pool.renew();
  }

  /** Nix's parser alone tells where a file ends too early. */
  async #unfinished({ file = "", message }: UnfinishedFile): Promise<LaminixError> {
    const invocation = { program: "nix-instantiate", command: ["--parse"], operands: ["--", file] } as const;
    try {
      await runNix(invocation, this.programOptions, this.#sources.failure);
    } catch (error) {
      if (error instanceof LaminixError) return error;
    }
    return new LaminixError("ERR_EVALUATION", message, {
      details: { message, trace: [], text: message, log: [] },
    });
  }

  #close(reason: unknown): Promise<void> {
    this.#closed ??= { reason };
    this.#closing ??= (async () => {
      this.#stopListening();
      this.#watcher?.close();
      await this.#pool.close(reason);
      removeNow(this.#folder);
    })();
    return this.#closing;
  }
}

/** Nix takes a flake in pure evaluation only with its hash. */
async function lockedFlake(flake: string, options: NixProgramOptions): Promise<string> {
  const stdout = await runNix(
    { program: "nix", command: ["flake", "metadata", "--json"], operands: ["--", flake] },
    options,
    (transcript, cause) => evaluationFailure(transcript, cause, (position) => position),
  );
  return (JSON.parse(stdout.toString()) as { readonly url: string }).url;
}
