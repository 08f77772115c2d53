/**
 * Texts without their secrets. Whatever is a URL, may be one or may contain one goes through here before it gets into a
 * message, a detail or a log; nothing else prints a URL. Where it is not clear what is secret, too much is hidden rather
 * than too little.
 */

const HIDDEN = "***";

/** Parameters of stores and flakes whose values are no secrets. The values of all others are hidden. */
const HARMLESS = new Set([
  ...["store", "root", "state", "real", "max-connections", "priority", "want-mass-query", "trusted"],
  ...["require-sigs", "trusted-public-keys", "ssh-key", "base64-ssh-public-host-key", "compress"],
  ...["remote-program", "compression", "compression-level", "parallel-compression"],
  ...["rev", "ref", "dir", "narHash", "lastModified", "revCount", "submodules", "shallow"],
]);

/**
 * A URL, or a text that was meant as one, to be shown: passwords, user names beside them, and the values of parameters
 * that may be secret are hidden. It need not be well-formed: in `http://user:s3/cret@host` all up to the last `@` is taken
 * for the name and password that it was meant to be. Only the `@` before a digest (`repository@sha256:…`) is none of these.
 */
export function redactUrl(url: string | URL): string {
  const text = typeof url === "string" ? url : url.href;
  const scheme = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/){1,4}/i.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  // Where a URL that could be parsed has its path is known.
  const userinfo = typeof url === "string" ? userinfoIn(rest, scheme) : (/^[^/?#]*@/.exec(rest)?.[0] ?? "");
  const address = rest.slice(userinfo.length);
  return `${scheme}${userinfo === "" ? "" : `${HIDDEN}@`}${withoutValues(withoutPort(address, scheme))}`;
}

/**
 * A text that may have URLs in it, such as another program's error, with these redacted. A URL ends at white space here:
 * what may have some in its password goes through `redactUrl` before it becomes a part of a text.
 */
export function redactText(text: string): string {
  return text
    .replace(/\S+/g, (word) => {
      const start = beginningOfUrl(word);
      if (start < 0) return word;
      // What closes a quotation or a sentence is not the URL's.
      let end = word.length;
      while (/["'`)\]>,.;:]/.test(word[end - 1] ?? "")) end--;
      return word.slice(0, start) + redactUrl(word.slice(start, end)) + word.slice(end);
    })
    .replace(/(authorization["']?\s*[:=]\s*["']?(?:basic|bearer)\s+)[\w.~+/=-]+/gi, `$1${HIDDEN}`);
}

/** Without its slashes: of a known scheme, of none (`//user:password@host`), or `user:password@host` alone. */
const MISTYPED =
  /\b(?:https?|ssh(?:-ng)?|s3|docker|tcp|git\+[a-z]+):|(?<=^|["'`(=])(?:\/\/(?=[^/]*:[^@]*@)|[^\s/:@"'`(=]+:[^\s/@]+@(?!sha\d+:))/i;

/** Where in a word a URL begins, or what was meant as one; negative where there is none. */
function beginningOfUrl(word: string): number {
  const mark = word.indexOf("://");
  if (mark < 0) return /@|%40/.test(word) ? word.search(MISTYPED) : -1;
  let start = mark;
  while (/[a-z0-9+.-]/i.test(word[start - 1] ?? "")) start--;
  return start;
}

/**
 * The same value with all its texts redacted: those of objects, arrays and errors too, and what caused these. What has
 * nothing to hide is returned as it is.
 * @param within what is being redacted already
 */
export function redactValue(value: unknown, within: readonly unknown[] = []): unknown {
  if (typeof value === "string") return redactText(value);
  if (value instanceof URL) return redactUrl(value);
  if (typeof value !== "object" || value === null) return value;
  if (within.includes(value)) return "[circular]";
  const inner = (each: unknown): unknown => redactValue(each, [...within, value]);
  if (value instanceof Error) return redactError(value, inner);
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const redacted = items.map(inner);
    return redacted.some((each, i) => each !== items[i]) ? redacted : items;
  }
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const redacted = entries.map(([key, each]) => [key, inner(each)] as const);
  return redacted.some(([, each], i) => each !== entries[i]?.[1]) ? Object.fromEntries(redacted) : value;
}

/** An error of somebody else's: the same one, or a copy where something in it has to be hidden. */
function redactError(error: Error, inner: (value: unknown) => unknown): Error {
  const members = Object.getOwnPropertyNames(error).map((name) => {
    const value: unknown = error[name as keyof Error];
    return { name, value, redacted: inner(value) };
  });
  if (members.every(({ value, redacted }) => value === redacted)) return error;
  const copy = new Error();
  const { name } = error;
  for (const each of [{ name: "name", redacted: name }, ...members]) {
    const { enumerable = false } = Object.getOwnPropertyDescriptor(error, each.name) ?? {};
    const property = { value: each.redacted, enumerable, configurable: true, writable: true };
    Object.defineProperty(copy, each.name, property);
  }
  return copy;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What stands before the host, with its `@`. The user of an SSH URL is no secret where there is no password. */
function userinfoIn(rest: string, scheme: string): string {
  if (/(?:file|unix):\/\/$/i.test(scheme) && rest.startsWith("/")) return "";
  const widest = /^.*(?:@|%40)(?!sha\d+:)/is.exec(rest)?.[0] ?? "";
  if (widest.includes(":") || /%3a/i.test(widest)) return widest;
  if (scheme === "" || /ssh(?:-ng)?:\/\/$/i.test(scheme)) return "";
  return /^[^/?#]*(?:@|%40)(?!sha\d+:)/i.exec(rest)?.[0] ?? "";
}

/** What stands in a port's place and is none: a password whose host was forgotten. The tag of an image is neither. */
function withoutPort(address: string, scheme: string): string {
  if (scheme === "" || /docker:\/\/$/i.test(scheme)) return address;
  return address.replace(/^([^/?#:[\]]*:)(?!\d*(?:[\s/?#"'`),;.:\]]|$))[^/?#]*/, `$1${HIDDEN}`);
}

function withoutValues(address: string): string {
  const at = address.search(/[?#]/);
  if (at < 0) return address;
  const query = address
    .slice(at)
    .replace(
      /([?&])([^=&#]*)(=?)([^&#]*)/g,
      (whole, mark: string, name: string, is: string, value: string) => {
        // What stands for a store may itself have a password.
        const isHarmless = HARMLESS.has(name) && !/@|%40|:\/\/|%3a%2f%2f/i.test(value);
        if (isHarmless || (name === "" && is === "")) return whole;
        return is === "" ? mark + HIDDEN : `${mark}${name}=${HIDDEN}`;
      },
    );
  const hash = query.indexOf("#");
  const isSecret = hash >= 0 && query.includes("=", hash);
  return address.slice(0, at) + (isSecret ? `${query.slice(0, hash)}#${HIDDEN}` : query);
}
