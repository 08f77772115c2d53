/** The `WWW-Authenticate` header: how a server wants to be asked (RFC 9110, 11.6.1). */

export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[-._~+/0-9A-Za-z]+=*(?=[ \t]*(?:,|$))/y;
// RFC 9110, 5.6.4.
const QUOTED = /"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"/y;
const SPACE = /[ \t]*/y;
const COMMA = /[ \t]*(?:,[ \t]*)+/y;
const EQUALS = /[ \t]*=[ \t]*/y;

/** @returns what stands there; `undefined` where the header is not as the standard has it */
export function parseChallenges(header: string): Challenge[] | undefined {
  const scan = new Scanner(header);
  const challenges: Challenge[] = [];
  scan.take(SPACE);
  scan.take(COMMA);
  while (!scan.atEnd()) {
    const scheme = scan.take(TOKEN);
    if (scheme === undefined) return undefined;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    if (scan.take(/[ \t]+/y) !== undefined) {
      if (!scan.isParameter() && scan.take(TOKEN68) === undefined && !scan.atEnd() && !scan.sees(COMMA))
        return undefined;
      while (scan.isParameter()) {
        const name = scan.take(TOKEN)?.toLowerCase() ?? "";
        scan.take(EQUALS);
        const value = scan.value();
        if (value === undefined || parameters.has(name)) return undefined;
        parameters.set(name, value);
        // A comma goes on to the next parameter, or to the next challenge.
        if (!scan.sees(COMMA)) break;
        const before = scan.at;
        scan.take(COMMA);
        if (!scan.isParameter()) {
          scan.at = before;
          break;
        }
      }
    }
    scan.take(SPACE);
    if (!scan.atEnd() && scan.take(COMMA) === undefined) return undefined;
  }
  return challenges;
}

class Scanner {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.at === this.#text.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.#text);
  }

  /** Whether a name and an equals sign come, with a value behind them. */
  isParameter(): boolean {
    return this.sees(/[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=[ \t]*(?=["!#$%&'*+\-.^_`|~0-9A-Za-z])/y);
  }

  value(): string | undefined {
    const quoted = this.take(QUOTED);
    return quoted === undefined ? this.take(TOKEN) : quoted.slice(1, -1).replace(/\\(.)/g, "$1");
  }
}
