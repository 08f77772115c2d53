/** What an evaluator asks its questions of: a Nix that has the library (`L`) and what has been bound to names. */
import type { LaminixError } from "../../errors.js";
import type { LogEvent } from "../log.js";
import type { Transcript } from "../transcript.js";

/** A name for an expression, which Nix evaluates when it is first needed, and once a session. */
export interface Binding {
  readonly name: string;
  readonly text: string;
}

/** Texts of Nix on one line of ASCII. What users write comes in as data or in files (see transfer.ts). */
export interface Question {
  /** What has to be bound before, each after those that it needs. */
  readonly bindings: readonly Binding[];
  /** Of `L.ask` or `L.all`. */
  readonly text: string;
}

/** Who hears of what a question has Nix say. */
export interface Listener {
  readonly onLog: ((event: LogEvent) => void) | undefined;
  /** Makes the error of a question that failed. */
  readonly failure: (transcript: Transcript, cause: LaminixError) => LaminixError;
}

export const unheard: Listener = { onLog: undefined, failure: (_, cause) => cause };

/** A file ends too early. That is all that Nix has told of it. */
export class UnfinishedFile extends Error {
  /** The last one that was read. */
  readonly file: string | undefined;

  constructor(file: string | undefined) {
    super("syntax error, unexpected end of file");
    this.file = file;
  }
}

/**
 * One Nix, which answers one question at a time. A backend is whatever makes these: `nix repl` over pipes, or a program
 * a question where that does not start.
 */
export interface Session {
  /** Nix's version. */
  readonly version: string;
  /** Names that it has room for. */
  readonly room: number;
  /** False once it has ended: it answers no more, and what was bound in it alone is lost. */
  readonly isAlive: boolean;
  /** Resident memory in bytes; `undefined` where it cannot be told. */
  memory(): number | undefined;
  /**
   * @returns the answer, which is JSON
   * @throws what the listener makes of a failure; UnfinishedFile, ERR_JSON, ERR_VALUE_TOO_LARGE, and ERR_PROGRAM where
   *   the session has ended without a word
   */
  ask(question: Question, listener: Listener): Promise<string>;
  /** Ends it, and whatever it is doing; settles when nothing is left of it. */
  end(): Promise<void>;
}
