/** The `nix` template. */
import { ArgumentError } from "../errors.js";
import { NixExpression } from "./expression.js";
import { type Opener, type Place, scan } from "./scan.js";
import { type NixInput, toNix } from "./value.js";

/**
 * A Nix expression with JavaScript values in it: nix`(import ${nixPath(file)}) { name = ${name}; }`. A value becomes
 * a Nix value, in parentheses, never text; a nested `nix` expression becomes part of the expression. After the dot of an
 * attribute path a string is an attribute's name. The text is taken as it is written; only `\${` and `` \` `` stand for
 * Nix's own `${` and for `` ` ``.
 * @throws {ArgumentError} ERR_ARGUMENT for values that Nix has not (see `toNix`), and for a value inside a Nix
 *   string, comment or path, where it could only be text
 */
export function nix(strings: TemplateStringsArray, ...values: readonly NixInput[]): NixExpression {
  if (!Array.isArray((strings as Partial<TemplateStringsArray> | undefined)?.raw)) {
    throw new ArgumentError("nix", "used as a template: nix`…`", strings);
  }
  const open: Opener[] = [];
  const pieces = strings.raw.map((raw, i) => {
    const text = written(raw);
    const place = scan(text, open);
    if (i === values.length) return text;
    return text + inserted(values[i], place, `values[${String(i)}]`);
  });
  return new NixExpression(pieces.join(""));
}

/** What JavaScript wants escaped in a template, as it was meant. */
function written(raw: string): string {
  return raw.replace(/\\(?:(`|\$(?=\{))|[^])/g, (escape, character?: string) => character ?? escape);
}

function inserted(value: unknown, place: Place, name: string): string {
  switch (place) {
    case "code":
      return `(${toNix(value, name)})`;
    case "select":
      return `\${${toNix(value, name)}}`;
    default:
      throw new ArgumentError(name, advice[place], value);
  }
}

const advice = {
  string:
    'outside of Nix\'s string, where it would be text; write "…" + ${value}, or \\${ ${value} } in the string',
  path: 'outside of Nix\'s path, where it would be text; write ./folder + ("/" + ${value})',
  comment: "outside of Nix's comment",
  "line comment": "outside of Nix's comment",
  unbalanced: "at a place where brackets match",
} as const;
