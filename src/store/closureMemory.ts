/** Closures that were asked for, kept for the next question about the same roots. */
import { type ClosureColumns, infoAt, type PathInfo } from "./closure.js";
import type { StorePath } from "./storePath.js";

/** Bytes. A closure of 100,000 paths takes some 25 MB. */
export const CLOSURE_MEMORY = 64 * 2 ** 20;

/**
 * Milliseconds that roots must have been registered for before a closure of them is kept. Times of registration are whole
 * seconds: they do not tell whether a path was deleted and registered again within the same one.
 */
const SETTLED = 2000;

/** Of a closure's paths, the part that may be roots. With more, checking them would cost as much as asking again. */
const MOST_ROOTS = 0.25;

/** How a daemon is asked. */
export interface ClosureQuestions {
  rootInfo(path: StorePath): Promise<PathInfo | undefined>;
  /** @param onStart called when the daemon is asked, and not where someone else is waiting for its answer already */
  closure(onStart: () => void): Promise<FoundClosure>;
}

export interface FoundClosure {
  readonly columns: ClosureColumns;
  /** That the columns take. */
  readonly bytes: number;
}

interface Kept extends FoundClosure {
  /** What the daemon said of the roots. */
  readonly said: string;
}

/**
 * A closure is good for as long as the daemon says the same of its roots, and is asked about them each time. Nothing
 * below a valid root can go away: a store deletes no path that a valid one references (Nix, src/libstore/schema.sql:
 * `foreign key (reference) … on delete restrict`). To be built again with other references, a path of the closure must
 * be deleted, and before it the roots that lead to it; those are then invalid, or have another time of registration.
 *
 * Not noticed is what a store changes in place, without deleting anything: signatures that are added to a path below the
 * roots, and its NAR hash if it is repaired and comes out differently. What is done through the same `NixStore` clears the
 * memory; what other programs do does not. The same holds of roots that another program deletes and then copies back
 * with the very time of registration that they had.
 */
export class ClosureMemory {
  readonly #limit: number;
  /** By roots; the last used last. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  /** How often it was cleared. */
  #clearings = 0;

  /** @param limit bytes; what was used least recently goes first */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The closure of the roots: the one that is kept, if the daemon says of the roots what it said then. */
  async answer(roots: readonly StorePath[], questions: ClosureQuestions): Promise<ClosureColumns> {
    const key = roots.join("\n");
    const kept = this.#kept.get(key);
    if (kept) {
      const infos = await Promise.all(roots.map((root) => questions.rootInfo(root)));
      const isSame = saidOf(infos) === kept.said;
      // Someone else may have found out meanwhile.
      if (this.#kept.get(key) === kept) {
        this.#drop(key, kept);
        if (isSame) this.#add(key, kept);
      }
      if (isSame) return kept.columns;
    }
    let asked: { readonly at: number; readonly clearings: number } | undefined;
    const found = await questions.closure(() => {
      asked = { at: Date.now(), clearings: this.#clearings };
    });
    if (asked?.clearings === this.#clearings) this.#keep(key, roots, found, asked.at);
    return found.columns;
  }

  /** Forgets all, the answers to questions that are open included. */
  clear(): void {
    this.#clearings++;
    this.#kept.clear();
    this.#bytes = 0;
  }

  #keep(key: string, roots: readonly StorePath[], found: FoundClosure, askedAt: number): void {
    const { columns } = found;
    if (roots.length === 0 || roots.length > Math.max(1, columns.count * MOST_ROOTS)) return;
    const infos = infosOf(roots, columns);
    const isSettled = infos.every(
      (info) =>
        info !== undefined && info.registrationTime > 0 && info.registrationTime * 1000 + SETTLED < askedAt,
    );
    if (!isSettled) return;
    const said = saidOf(infos);
    // Strings of characters that all fit into a byte.
    const bytes = found.bytes + key.length + said.length;
    if (bytes > this.#limit) return;
    const before = this.#kept.get(key);
    if (before) this.#drop(key, before);
    this.#add(key, { columns, said, bytes });
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest, kept);
    }
  }

  #add(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    this.#bytes += kept.bytes;
  }

  #drop(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
  }
}

/** What the closure has of its roots. They are found from its end, where most of them are. */
function infosOf(roots: readonly StorePath[], columns: ClosureColumns): (PathInfo | undefined)[] {
  const rows = new Map<StorePath, number>();
  const wanted = new Set(roots);
  for (let row = columns.count - 1; row >= 0 && rows.size < wanted.size; row--) {
    const path = columns.path(row);
    if (wanted.has(path)) rows.set(path, row);
  }
  return roots.map((root) => {
    const row = rows.get(root);
    return row === undefined ? undefined : infoAt(columns, row);
  });
}

/** References and signatures are sets. */
function saidOf(infos: readonly (PathInfo | undefined)[]): string {
  return JSON.stringify(
    infos.map(
      (info) =>
        info && [
          ...[info.path, info.narHash, info.narSize, info.registrationTime, info.ultimate],
          ...[info.deriver, info.ca, info.references.toSorted(), info.signatures.toSorted()],
        ],
    ),
  );
}
