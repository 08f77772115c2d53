/** What was probably meant by a word that is not known. */

/** The known word that is nearest to another; `undefined` where none is known. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const distance = (other: string): number => editDistance(word.toLowerCase(), other.toLowerCase());
  return [...known].sort((one, other) => distance(one) - distance(other))[0];
}

/** Insertions, deletions and replacements that lead from one word to the other. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, its] of [...other].entries()) {
      next.push(
        Math.min((row[j] ?? 0) + (letter === its ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1),
      );
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
