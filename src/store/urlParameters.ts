/** The parameters of a store's URL, as Nix reads them: a plus, which base 64 has, stands for itself. */
import { named } from "../errors.js";
import { redactUrl } from "../redact.js";

/**
 * In their order; a parameter may come several times.
 * @param refuse says what is wrong with the URL
 */
export function parametersOf(query: string, refuse: (why: string) => Error): [name: string, value: string][] {
  return query
    .split("&")
    .filter(Boolean)
    .map((part) => {
      const [name, value] = splitOnce(part, "=");
      if (value === undefined) throw refuse("a parameter in it has no value");
      return [decoded(name, refuse), decoded(value, refuse)];
    });
}

export function splitOnce(text: string, separator: string): [before: string, after?: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** With every `%` and two digits as the byte that it stands for (RFC 3986). */
export function decoded(text: string, refuse: (why: string) => Error): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse("it has a % that no byte of UTF-8 follows");
  }
}

/** What is wrong with a URL that has such a parameter; its name may be a part of a password with a question mark. */
export function unknownParameter(url: string, name: string): string {
  return `it has an unknown parameter${redactUrl(url).includes(name) ? ` ${named(name)}` : ""}`;
}

/** Yes and no as Nix's settings have them. */
export function flagOf(name: string, value: string, refuse: (why: string) => Error): boolean {
  if (["true", "yes", "1"].includes(value)) return true;
  if (["false", "no", "0"].includes(value)) return false;
  throw refuse(`its parameter ${name} is neither true nor false`);
}
