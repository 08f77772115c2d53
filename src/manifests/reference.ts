/** What images are called. Grammar: distribution's reference, "Reference" and "Familiar names". */
import { LaminixError, named } from "../errors.js";
import { redactUrl } from "../redact.js";
import { type Digest, isDigest } from "../bytes/digest.js";

/** A repository of a registry, and perhaps what is meant in it. */
export interface ImageReference {
  /** A host, with its port where one was given: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** Among the names of files, what begins with it is the name of an image in a registry. */
export const DOCKER = "docker://";

const HOST =
  /^(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::\d{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
/** Characters, the registry not counted. */
const LONGEST = 255;

/** Whether an engine takes it as an image's tag: a repository and a tag. */
export function isTagged(reference: string): boolean {
  return /^(?:[^/@\s]+\/)*[^/:@\s]+:\w[\w.-]{0,127}$/.test(reference);
}

/** The whole name of what may be short for it: `nginx:1` is `docker.io/library/nginx:1`. */
export function wholeReference(reference: string): string {
  const { registry, rest } = splitRegistry(reference);
  return `${registry}/${rest}`;
}

/** The name as Docker tells it: without its Hub, which every name without a host is of. */
export function familiarReference(reference: string): string {
  return wholeReference(reference).replace(/^docker\.io\/(?:library\/(?=[^/]*$))?/, "");
}

/** Whether a name says which registry it is of. */
export function namesRegistry(reference: string): boolean {
  const [first = "", ...others] = reference.split("/");
  return others.length > 0 && (/[.:]/.test(first) || first === "localhost");
}

/**
 * Reads a reference to a registry: `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`. Without a host it is one of Docker Hub.
 * @throws {LaminixError} ERR_REFERENCE
 */
export function parseReference(text: string): ImageReference {
  const [name = "", ...digests] = text.split("@");
  const { registry, rest } = splitRegistry(name);
  const colon = rest.lastIndexOf(":");
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const [digest] = digests;
  if (!isHost(registry)) throw malformed(text, `${JSON.stringify(registry)} is not the name of a registry`);
  if (repository.length > LONGEST || !repository.split("/").every((part) => COMPONENT.test(part))) {
    const lower = repository.toLowerCase();
    const hint = lower === repository ? undefined : "names of repositories are in lower case";
    throw malformed(text, `${JSON.stringify(repository)} is not the name of a repository`, hint);
  }
  if (tag !== undefined && !TAG.test(tag)) throw malformed(text, `${JSON.stringify(tag)} is not a tag`);
  if (digests.length > 1 || (digest !== undefined && !isDigest(digest))) {
    throw malformed(
      text,
      "what follows the @ is not a digest",
      "a digest is sha256: and 64 digits of base 16",
    );
  }
  return { registry, repository, tag, digest };
}

/** A reference without tag and digest, and otherwise as it was written. */
export function nameWithoutTag(reference: string): string {
  const [name = ""] = reference.split("@");
  return name.replace(/:[^:/]*$/, "");
}

/** The whole name, as `parseReference` reads it. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** What looks like a host need not be one: ports end, and so do the numbers of an address. */
function isHost(text: string): boolean {
  return HOST.test(text) && URL.canParse(`https://${text}/`);
}

function splitRegistry(reference: string): { readonly registry: string; readonly rest: string } {
  const [first = "", ...others] = reference.split("/");
  const hasRegistry = namesRegistry(reference);
  const registry = !hasRegistry || first === "index.docker.io" ? "docker.io" : first;
  const repository = hasRegistry ? others : [first, ...others];
  const official = registry === "docker.io" && repository.length === 1;
  return { registry, rest: [...(official ? ["library"] : []), ...repository].join("/") };
}

function malformed(text: string, why: string, hint?: string): LaminixError {
  const reference = redactUrl(text);
  const isShown = reference === text;
  const reason = isShown ? why : "what follows the @ is not a digest; image names cannot contain passwords";
  return new LaminixError("ERR_REFERENCE", `${named(reference)} is not the name of an image: ${reason}`, {
    details: { reference },
    ...(isShown && hint !== undefined && { hint }),
  });
}

/** A name that a repository can have, from that of a store path, which may have characters, and runs of them, that it may not. */
export function repositoryName(name: string): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, (between) => (/^(?:\.|__?|-+)$/.test(between) ? between : "-"))
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return words || "image";
}

export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof LaminixError) return false;
    throw error;
  }
}
