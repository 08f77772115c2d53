/** A question on its way through a pool. */
import type { Listener, Question, Session } from "../sessions/session.js";

export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that Nix may take for it; those before it begins do not count. */
  readonly timeout?: number | undefined;
}

export interface Job extends JobOptions {
  readonly question: Question;
  readonly listener: Listener;
  /** The only session that can answer it, where it needs what another one does not have. */
  readonly session: Session | undefined;
  /** Told which session has answered. */
  resolve(answer: string, session: Session): void;
  reject(error: unknown): void;
}
