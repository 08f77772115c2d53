/** Questions about values, and the sessions that answer them. */
import type { LaminixError } from "../../errors.js";
import { importedFile, type LogEvent } from "../log.js";
import { type Binding, type Question, type Session, UnfinishedFile } from "../sessions/session.js";
import type { Transfer } from "../sessions/transfer.js";
import { parseAnswer } from "./data.js";
import type { QuestionOptions } from "./options.js";
import type { Pool } from "./pool.js";
import type { Path, Root } from "./root.js";
import type { Sources } from "./sources.js";

/** Which answers of the library are wanted, each with what it is asked with. */
export type Want = Readonly<Record<string, unknown>>;

export interface Asking {
  readonly pool: Pool;
  readonly transfer: Transfer;
  readonly sources: Sources;
  readonly onLog: ((event: LogEvent) => void) | undefined;
  /** The error of a file that ends too early, with its place. */
  unfinished(error: UnfinishedFile): Promise<LaminixError>;
  /** Called with each file that is imported, and when the question was asked. */
  readonly onImport: ((file: string, since: number) => void) | undefined;
}

/** A text for a session, with data that it is about. */
export interface Draft {
  /** Of `L`: what is asked, and of which roots. */
  readonly about: string;
  readonly bindings: readonly Binding[];
  readonly data: unknown;
  readonly session?: Session | undefined;
}

export interface Answered {
  readonly json: string;
  readonly session: Session;
}

export class Questions {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  /** Asks several things about one value, in one round. */
  async ask<T>(root: Root, path: Path, want: Want, options: QuestionOptions): Promise<T> {
    const { json } = await this.send(about(root, path, want), options);
    return parseAnswer(json) as T;
  }

  async send({ about, bindings, data, session }: Draft, options: QuestionOptions): Promise<Answered> {
    const { pool, transfer } = this.#asking;
    const sent = transfer.json(JSON.stringify(data));
    const question: Question = { bindings: [...bindings, ...sent.bindings], text: `${about} ${sent.text}` };
    const { signal, timeout } = options;
    try {
      return await new Promise<Answered>((resolve, reject) => {
        pool.submit({
          ...{ question, session, signal, timeout, reject },
          listener: { onLog: this.#logger(options), failure: this.#asking.sources.failure },
          resolve: (json, answeredBy) => {
            resolve({ json, session: answeredBy });
          },
        });
      });
    } catch (error) {
      throw error instanceof UnfinishedFile ? await this.#asking.unfinished(error) : error;
    } finally {
      transfer.forget(sent);
    }
  }

  #logger({ onLog }: QuestionOptions): ((event: LogEvent) => void) | undefined {
    const { onLog: onAll, onImport } = this.#asking;
    if (!onLog && !onAll && !onImport) return undefined;
    const since = Date.now();
    return (event) => {
      const file = importedFile(event);
      if (file !== undefined) onImport?.(file, since);
      // Sessions have Nix say more than anyone wants to hear.
      if (event.type === "message" && event.level === "debug") return;
      onAll?.(event);
      onLog?.(event);
    };
  }
}

export function about(root: Root, path: Path, want: Want): Draft {
  return {
    about: `L.ask ${root.name}`,
    bindings: root.bindings,
    data: { path, want },
    session: root.session,
  };
}
