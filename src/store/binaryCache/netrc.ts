/** The netrc file: names and passwords by host (curl's manual, "netrc"). */
import { LaminixError } from "../../errors.js";
import { readTextNow } from "../../files/readText.js";

export interface Login {
  readonly login: string;
  readonly password: string;
}

/** Bytes. */
const MAX_FILE = 1 << 20;

/**
 * The entry for a host, or the default one.
 * @throws {LaminixError} ERR_FILE_READ, unless the file is just not there, or not this user's to read
 */
export function loginFor(host: string, file: string): Login | undefined {
  let text: string;
  try {
    text = readTextNow(file, MAX_FILE);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    // Nix's own is often for root's eyes only, and most caches ask for no name.
    if (["ENOENT", "EACCES"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new LaminixError("ERR_FILE_READ", `${file} cannot be read`, { cause, details: { path: file } });
  }
  const words = withoutMacros(text).match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  const entries: { host: string | undefined; login: string; password: string }[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const value = (): string => unquoted(words[++i] ?? "");
    const entry = entries.at(-1);
    if (word === "machine") entries.push({ host: value(), login: "", password: "" });
    else if (word === "default") entries.push({ host: undefined, login: "", password: "" });
    else if (word === "login" && entry) entry.login = value();
    else if (word === "password" && entry) entry.password = value();
    else if (word === "account") value();
  }
  return entries.find((entry) => entry.host === undefined || entry.host === host);
}

/** A macro goes on to the next empty line; a comment to the end of its line. */
function withoutMacros(text: string): string {
  return text.replace(/^\s*macdef\b[\s\S]*?(?:\n\n|$(?![\s\S]))/gm, "").replace(/^\s*#.*$/gm, "");
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word;
}
