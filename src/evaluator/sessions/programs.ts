/** Sessions where no Nix can be kept alive: each question is a program of its own, told all that the question needs. */
import type { LaminixError } from "../../errors.js";
import { type NixProgramOptions, runNix } from "../program.js";
import { LIBRARY } from "./library.js";
import type { Listener, Question, Session } from "./session.js";

export interface ProgramsOptions extends Omit<NixProgramOptions, "signal" | "onLog"> {
  /** More flags of `nix-instantiate`. */
  readonly flags: readonly string[];
}

export class ProgramSession implements Session {
  readonly version: string;
  readonly room = Infinity;
  readonly #options: ProgramsOptions;
  readonly #ended = new AbortController();

  /** @throws {LaminixError} ERR_PROGRAM */
  static async start(options: ProgramsOptions): Promise<ProgramSession> {
    const printed = await nixInstantiate("builtins.nixVersion", options, {});
    return new ProgramSession(options, JSON.parse(printed) as string);
  }

  private constructor(options: ProgramsOptions, version: string) {
    this.#options = options;
    this.version = version;
  }

  get isAlive(): boolean {
    return !this.#ended.signal.aborted;
  }

  /** It ends with each question. */
  memory(): undefined {
    return undefined;
  }

  async ask({ bindings, text }: Question, { onLog, failure }: Listener): Promise<string> {
    const lines = bindings.map((binding) => `${binding.name} = ${binding.text};`);
    const source = `let L = ${LIBRARY} ""; ${lines.join(" ")} in ${text}`;
    const { signal } = this.#ended;
    const printed = await nixInstantiate(source, this.#options, { onLog, failure, signal });
    return JSON.parse(printed) as string;
  }

  end(): Promise<void> {
    this.#ended.abort();
    return Promise.resolve();
  }
}

async function nixInstantiate(
  input: string,
  { flags, ...options }: ProgramsOptions,
  { onLog, failure, signal }: Partial<Listener> & { readonly signal?: AbortSignal },
): Promise<string> {
  const command = ["--eval", "--strict", "--json", ...flags];
  const invocation = { program: "nix-instantiate", command, operands: ["-"], input } as const;
  const stdout = await runNix(
    invocation,
    { ...options, ...(onLog && { onLog }), ...(signal && { signal }) },
    // A program that was killed says nothing.
    (transcript, cause): LaminixError => (transcript.error && failure?.(transcript, cause)) ?? cause,
  );
  return stdout.toString();
}
