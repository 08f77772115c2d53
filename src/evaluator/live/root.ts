/** What values start from: something that was loaded, or what a function returned. */
import type { Binding, Session } from "../sessions/session.js";
import { stale } from "./pool.js";

export interface Root {
  /** Its name in sessions. */
  readonly name: string;
  /** What binds it, and what it is made of. */
  readonly bindings: readonly Binding[];
  /** The only session that has it: results of calls live in one. */
  readonly session?: Session;
}

/**
 * The session that has what only one has of these; `undefined` where any will do.
 * @throws {LaminixError} ERR_EVALUATOR_STALE for results of calls in two sessions: one has ended, or will never see the other's
 */
export function sessionOf(roots: readonly Root[]): Session | undefined {
  const [session, ...others] = new Set(roots.flatMap((root) => root.session ?? []));
  if (others.length > 0) throw stale();
  return session;
}

/** From a root to a value: attributes by name, items of lists by number. */
export type Path = readonly (string | number)[];

/**
 * An attribute path as Nix's `-A` takes it, such as `a."b.c".d`.
 * @returns `undefined` where it is none
 */
export function attributePath(text: string): string[] | undefined {
  const part = /(?:^|\.)(?:"((?:[^"\\]|\\[^])*)"|([^".]+))/y;
  const names: string[] = [];
  while (part.lastIndex < text.length) {
    const [, quoted, plain] = part.exec(text) ?? [];
    const name = quoted?.replace(/\\([^])/g, "$1") ?? plain;
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names;
}
