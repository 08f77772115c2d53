/**
 * Who asks a registry: Docker's `config.json`, and the `auth.json` of podman, skopeo and buildah
 * (containers-auth.json(5)), with the programs that keep secrets for them (docker-credential-helpers' protocol).
 * Nothing of a secret, and nothing of a file that has some, gets into an error.
 */
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import { type Environment, homeFolder } from "../../files/home.js";
import { readTextNow } from "../../files/readText.js";
import { isObject, type Json, type JsonObject, parseJson } from "../../bytes/json.js";
import { run } from "../../process/run.js";
import type { ImageReference } from "../../manifests/reference.js";

export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** To be exchanged for access tokens (OAuth 2's refresh token). */
  | { readonly kind: "identityToken"; readonly token: string }
  /** An access token as it is. */
  | { readonly kind: "registryToken"; readonly token: string };

export interface CredentialOptions {
  readonly environment: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** What Docker's own files call Docker Hub. */
const HUB = "https://index.docker.io/v1/";

/**
 * The first that is found: the file that `REGISTRY_AUTH_FILE` names and no other; else `containers/auth.json` below
 * `XDG_RUNTIME_DIR` and below `XDG_CONFIG_HOME`, then `config.json` in `DOCKER_CONFIG`.
 * @throws {LaminixError} ERR_REGISTRY_AUTH when a file is malformed or a helper fails, ERR_FILE_READ, ERR_PROGRAM
 */
export async function findCredentials(
  repository: Pick<ImageReference, "registry" | "repository">,
  options: CredentialOptions,
): Promise<Credentials | undefined> {
  for (const path of credentialFiles(options.environment)) {
    const config = readConfig(path, { named: path === options.environment.REGISTRY_AUTH_FILE });
    const found = config && (await new CredentialFile(path, config).find(repository, options));
    if (found) return found;
  }
  return undefined;
}

/** Logins in one file, without their secrets. */
export interface KnownLogins {
  readonly file: string;
  /** What the file has a login for in itself: a registry, or a namespace of it. */
  readonly written: readonly string[];
  /** Registries whose logins a program keeps. */
  readonly helped: readonly { readonly server: string; readonly program: string }[];
  /** The program that is asked for every other registry. */
  readonly store: string | undefined;
}

/**
 * Who could ask registries from here: what `findCredentials` looks through. No program is asked.
 * @throws {LaminixError} ERR_REGISTRY_AUTH, ERR_FILE_READ
 */
export function knownLogins(environment: Environment): KnownLogins[] {
  return credentialFiles(environment).flatMap((path) => {
    const config = readConfig(path, { named: path === environment.REGISTRY_AUTH_FILE });
    return config ? [new CredentialFile(path, config).known()] : [];
  });
}

function credentialFiles(environment: Environment): string[] {
  const value = (name: string): string | undefined => environment[name] || undefined;
  const named = value("REGISTRY_AUTH_FILE");
  if (named !== undefined) return [named];
  const home = homeFolder(environment);
  const runtime = value("XDG_RUNTIME_DIR");
  return [
    ...(runtime === undefined ? [] : [join(runtime, "containers/auth.json")]),
    join(value("XDG_CONFIG_HOME") ?? join(home, ".config"), "containers/auth.json"),
    join(value("DOCKER_CONFIG") ?? join(home, ".docker"), "config.json"),
  ];
}

/** Bytes; one with a thousand logins has a few hundred thousand. */
const MAX_FILE = 16 << 20;

/** A file that nobody has named may be another user's: of one whose home folder is still in the environment. */
function readConfig(path: string, { named }: { readonly named: boolean }): JsonObject | undefined {
  let text: string;
  try {
    text = readTextNow(path, MAX_FILE);
  } catch (cause) {
    if (cause instanceof LaminixError) throw cause;
    const { code = "" } = cause as NodeJS.ErrnoException;
    const absent = ["ENOENT", "ENOTDIR", "EISDIR", ...(named ? [] : ["EACCES"])];
    if (absent.includes(code)) return undefined;
    throw new LaminixError("ERR_FILE_READ", `${path} cannot be read`, { cause, details: { path } });
  }
  if (text.trim() === "") return undefined;
  let config: Json;
  try {
    config = parseJson(text, path);
  } catch (error) {
    throw unusable(path, (error as Error).message);
  }
  if (isObject(config)) return config;
  throw unusable(path, `${path} is not an object`);
}

class CredentialFile {
  readonly #path: string;
  readonly #config: JsonObject;

  constructor(path: string, config: JsonObject) {
    this.#path = path;
    this.#config = config;
  }

  known(): KnownLogins {
    const helpers = [...this.#object("credHelpers")];
    const store = this.#config.get("credsStore");
    return {
      file: this.#path,
      written: [...this.#object("auths")].flatMap(([key, value]) => (this.#entry(key, value) ? [key] : [])),
      helped: helpers.flatMap(([server, helper]) =>
        isName(helper) ? [{ server, program: helperProgram(helper) }] : [],
      ),
      store: isName(store) ? helperProgram(store) : undefined,
    };
  }

  async find(
    repository: Pick<ImageReference, "registry" | "repository">,
    options: CredentialOptions,
  ): Promise<Credentials | undefined> {
    const keys = keysFor(repository);
    const helpers = this.#object("credHelpers");
    for (const key of keys) {
      const helper = helpers.get(key);
      if (isName(helper)) return askHelper(helper, key, options);
    }
    const store = this.#config.get("credsStore");
    if (isName(store)) {
      const found = await askHelper(
        store,
        repository.registry === "docker.io" ? HUB : repository.registry,
        options,
      );
      if (found) return found;
    }
    return this.#written(keys, repository.registry);
  }

  /** What stands in the file itself: for the repository, else for a namespace of it, else for the registry. */
  #written(keys: readonly string[], registry: string): Credentials | undefined {
    const auths = this.#object("auths");
    for (const key of keys) {
      const found = this.#entry(key, auths.get(key));
      if (found) return found;
    }
    for (const [key, value] of auths) {
      const found = hostOf(key) === registry ? this.#entry(key, value) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  #entry(key: string, value: Json | undefined): Credentials | undefined {
    if (!isObject(value)) return undefined;
    const text = (name: string): string => {
      const it = value.get(name);
      return typeof it === "string" ? it : "";
    };
    if (text("identitytoken") !== "") return { kind: "identityToken", token: text("identitytoken") };
    if (text("registrytoken") !== "") return { kind: "registryToken", token: text("registrytoken") };
    if (text("auth") !== "") return this.#decoded(key, text("auth"));
    if (text("username") === "") return undefined;
    return { kind: "password", username: text("username"), password: text("password") };
  }

  #decoded(key: string, auth: string): Credentials {
    const plain = decodedBase64(auth)?.toString("utf8") ?? "";
    const colon = plain.indexOf(":");
    if (colon <= 0)
      throw unusable(
        this.#path,
        `${this.#path} has an auth for ${key} that is no name and password in base 64`,
      );
    const password = plain.slice(colon + 1).replace(/^\0+|\0+$/g, "");
    return { kind: "password", username: plain.slice(0, colon), password };
  }

  #object(key: string): JsonObject {
    const value = this.#config.get(key);
    return isObject(value) ? value : new Map<string, Json>();
  }
}

/**
 * Base 64 as Docker reads it (Go's `base64.StdEncoding`): with its padding, and with line ends anywhere, which encoders
 * put in after every 76 characters.
 */
function decodedBase64(text: string): Buffer | undefined {
  const plain = text.replace(/[\r\n]/g, "");
  const isWhole = plain.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(plain);
  return isWhole ? Buffer.from(plain, "base64") : undefined;
}

/** The most special first. */
function keysFor({ registry, repository }: Pick<ImageReference, "registry" | "repository">): string[] {
  const parts = [registry, ...repository.split("/")];
  const namespaces = parts.map((_, i) => parts.slice(0, parts.length - i).join("/"));
  return registry === "docker.io" ? [...namespaces, HUB] : namespaces;
}

/** The registry that an old key means: `https://index.docker.io/v1/`, `http://host`. A namespace is none. */
function hostOf(key: string): string | undefined {
  const [, scheme, host = "", path = ""] = /^(https?:\/\/)?([^/]*)(.*)$/.exec(key) ?? [];
  if (scheme === undefined && !["", "/", "/v1/", "/v2/"].includes(path)) return undefined;
  return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

function isName(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function helperProgram(name: string): string {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw unusable(program, `${JSON.stringify(name)} is not a credential helper`);
  return program;
}

async function askHelper(
  name: string,
  server: string,
  { signal, environment }: CredentialOptions,
): Promise<Credentials | undefined> {
  const program = helperProgram(name);
  const lines: string[] = [];
  try {
    await run(program, ["get"], {
      input: server,
      env: environment,
      ...(signal && { signal }),
      onStdoutLine: (line) => lines.push(line),
      onStderrLine: () => undefined,
    });
  } catch (error) {
    if (!(error instanceof LaminixError) || error.code !== "ERR_PROGRAM") throw error;
    if (error.details.exitCode === undefined) throw error;
    if (lines.join(" ").includes("credentials not found")) return undefined;
    // What it said may have what it keeps.
    throw new LaminixError("ERR_REGISTRY_AUTH", `${program} cannot give the credentials for ${server}`, {
      details: { program, server, exitCode: error.details.exitCode },
      hint: `log in again, or ask it by hand: echo ${server} | ${program} get`,
    });
  }
  return helperAnswer(lines.join("\n"), program, server);
}

function helperAnswer(text: string, program: string, server: string): Credentials {
  let answer: Json | undefined;
  try {
    answer = parseJson(text, program);
  } catch {
    // Told below, without a word of the text.
  }
  const username = isObject(answer) ? answer.get("Username") : undefined;
  const secret = isObject(answer) ? answer.get("Secret") : undefined;
  if (typeof username !== "string" || typeof secret !== "string")
    throw unusable(program, `${program} answers for ${server} with something else than credentials`);
  return username === "<token>"
    ? { kind: "identityToken", token: secret }
    : { kind: "password", username, password: secret };
}

function unusable(path: string, message: string): LaminixError {
  return new LaminixError("ERR_REGISTRY_AUTH", message, {
    details: { path },
    hint: "log in again: docker login, podman login or skopeo login write it",
  });
}
