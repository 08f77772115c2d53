/**
 * Where in a Nix expression a text ends: in code, in a string, in a comment. The tokens are those of Nix's lexer
 * (Nix, src/libexpr/lexer.l), of which only what opens, closes or hides something matters.
 */

/** What is open at a place: brackets, strings, and `${` in them. A `${` in a path leads back into that path. */
export type Opener = "(" | "[" | "{" | "${" | '"' | "''" | "${ in a path";

/** What the end of a text is in or at. `select` is after the dot of an attribute path. */
export type Place = "code" | "select" | "path" | "string" | "comment" | "line comment" | "unbalanced";

const PATH = String.raw`[a-zA-Z0-9._+-]`;
const CODE = new RegExp(
  [
    String.raw`(?<space>[ \t\r\n]+)`,
    String.raw`(?<line>#[^\r\n]*)`,
    String.raw`(?<block>/\*[^]*?\*/)`,
    String.raw`(?<unclosed>/\*)`,
    String.raw`(?<path>[a-zA-Z][a-zA-Z0-9+.-]*:[a-zA-Z0-9%/?:@&=+$,_.!~*'-]+|${PATH}*(?:/${PATH}+)+/?|${PATH}*/(?=\$\{))`,
    String.raw`(?<number>(?:[1-9]\d*\.\d*|0?\.\d+)(?:[eE][+-]?\d+)?|\d+)`,
    // A quotation mark is a letter here: foldl'
    String.raw`(?<name>[a-zA-Z_][a-zA-Z0-9_'-]*)`,
    String.raw`(?<open>\$\{|[({[]|"|'')`,
    String.raw`(?<close>[)}\]])`,
    String.raw`(?<other>[^])`,
  ].join("|"),
  "y",
);
const STRING = /(?<text>[^$"\\]+|\$(?:[^{"\\]|\\[^])|\\[^])|(?<open>\$\{)|(?<close>")|(?<other>[^])/y;
const INDENTED = /(?<text>[^$']+|\$[^{']|'[^'$]|''(?:[$']|\\[^]))|(?<open>\$\{)|(?<close>'')|(?<other>[^])/y;
const REST_OF_PATH = new RegExp(String.raw`(?:${PATH}|/)*`, "y");

const closedBy: Readonly<Record<string, readonly Opener[]>> = {
  ")": ["("],
  "]": ["["],
  "}": ["{", "${", "${ in a path"],
  '"': ['"'],
  "''": ["''"],
};

/**
 * Reads on in a text.
 * @param open what is open before it, innermost last; changed to what is open after it
 * @param onPath called with each path or URI, and where it begins
 */
export function scan(
  text: string,
  open: Opener[],
  onPath: (path: string, at: number) => void = () => undefined,
): Place {
  let place: Place = "code";
  for (let at = 0; at < text.length;) {
    const inside = open.at(-1);
    const pattern = inside === '"' ? STRING : inside === "''" ? INDENTED : CODE;
    pattern.lastIndex = at;
    const token = pattern.exec(text);
    const groups = token?.groups ?? {};
    if (groups.path !== undefined) onPath(groups.path, at);
    at = pattern.lastIndex;

    if (groups.unclosed !== undefined) return "comment";
    if (groups.open !== undefined) {
      open.push(groups.open === "${" && place === "path" ? "${ in a path" : (groups.open as Opener));
    }
    if (groups.close !== undefined) {
      const closed = open.pop();
      if (closed === undefined || !closedBy[groups.close]?.includes(closed)) return "unbalanced";
      if (closed === "${ in a path") {
        REST_OF_PATH.lastIndex = at;
        at += REST_OF_PATH.exec(text)?.[0].length ?? 0;
        place = "path";
        continue;
      }
    }
    place = placeAfter(groups, place);
  }
  const inside = open.at(-1);
  return inside === '"' || inside === "''" ? "string" : place;
}

function placeAfter(groups: Readonly<Record<string, string | undefined>>, before: Place): Place {
  if (groups.line !== undefined) return "line comment";
  if (groups.path !== undefined) return "path";
  if (groups.other === ".") return "select";
  const isSpace = groups.space !== undefined || groups.block !== undefined;
  return isSpace && before === "select" ? "select" : "code";
}
