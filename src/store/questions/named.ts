/** Which of a closure's paths does a word name? */
import { LaminixError, nearWords } from "../../errors.js";
import { packageName } from "../packageName.js";
import { baseName, hashPart, type StorePath } from "../storePath.js";

/** Candidates that an error lists. */
const MOST = 10;

/**
 * The paths with a hash part or a base name, or else those with a name: the whole of it first, then without its output,
 * then without its version. Where a name leaves the output open, the first output is meant if it is there.
 */
export function pathsNamed(paths: readonly StorePath[], word: string): StorePath[] {
  const exact = paths.filter((path) => baseName(path) === word || hashPart(path) === word);
  if (exact.length > 0) return exact;
  const whole = paths.filter((path) => nameOf(path) === word);
  if (whole.length > 0) return whole;
  const ofVersion = paths.filter((path) => {
    const { name, version } = packageName(path);
    return `${name}-${version}` === word;
  });
  if (ofVersion.length > 0) return firstOutputs(ofVersion);
  const ofName = paths.filter((path) => packageName(path).name === word);
  // `hello-world` may be an output of hello, or a package of its own.
  const certain = ofName.filter((path) => packageName(path).version !== "");
  return firstOutputs(certain.length > 0 ? certain : ofName);
}

/** The only path that a word names. @throws {LaminixError} ERR_AMBIGUOUS, ERR_PATH_NOT_VALID */
export function pathNamed(paths: readonly StorePath[], word: string): StorePath {
  const found = pathsNamed(paths, word);
  const [path] = found;
  if (found.length > 1) throw ambiguous(word, found);
  if (path !== undefined) return path;
  throw new LaminixError("ERR_PATH_NOT_VALID", `nothing in the closure is named ${JSON.stringify(word)}`, {
    details: { path: word },
    ...likeHint(paths, word),
  });
}

export function ambiguous(word: string, candidates: readonly StorePath[]): LaminixError {
  const rest = candidates.length - MOST;
  const listed = candidates.slice(0, MOST).join(", ");
  return new LaminixError(
    "ERR_AMBIGUOUS",
    `${word} may be any of ${String(candidates.length)} store paths: ${listed}${rest > 0 ? ` and ${String(rest)} more` : ""}`,
    { details: { path: word, candidates }, hint: "give its name with its version, or its hash part" },
  );
}

/** For an error: names that a word was probably meant to be. */
export function likeHint(paths: readonly StorePath[], word: string): { readonly hint?: string } {
  const packages = nearWords(word, [...new Set(paths.map((path) => packageName(path).name))]);
  const names = packages.length > 0 ? packages : nearWords(word, [...new Set(paths.map(nameOf))]);
  return names.length > 0 ? { hint: `did you mean ${names.join(" or ")}?` } : {};
}

function nameOf(path: StorePath): string {
  return baseName(path).slice(33);
}

/** Of each version those without an output's name, or else all of it. */
function firstOutputs(paths: readonly StorePath[]): StorePath[] {
  const hasFirst = new Set(
    paths.map(packageName).flatMap(({ version, output }) => (output === "" ? [version] : [])),
  );
  return paths.filter((path) => {
    const { version, output } = packageName(path);
    return output === "" || !hasFirst.has(version);
  });
}
