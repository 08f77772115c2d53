/** Words as a shell takes them, without its expansions (POSIX, "Shell Command Language", Quoting). */

/** One piece of a word, or what stands between words. */
const PIECE = /([ \t]+)|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^ \t'"\\]+)/y;

/**
 * As Nix splits `NIX_SSHOPTS`.
 * @returns `undefined` where a quote is not closed, or nothing follows a backslash
 */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at = PIECE.lastIndex) {
    PIECE.lastIndex = at;
    const match = PIECE.exec(text);
    if (!match) return undefined;
    const [, between, single, double, escaped, plain] = match;
    if (between === undefined) {
      // In double quotes a backslash is one, unless before what would have a meaning there.
      word = `${word ?? ""}${single ?? double?.replace(/\\([$`"\\])/g, "$1") ?? escaped ?? plain ?? ""}`;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

/** A text as one word for a shell. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_/:.,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
