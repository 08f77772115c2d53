/** Docker's contexts: names for engines, in files below its configuration (docker/cli, "context store"). */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import { type Environment, homeFolder } from "../../files/home.js";
import { readText } from "../../files/readText.js";
import { objectIn, textIn } from "../../image/fields.js";
import { isObject, type JsonObject, parseJson } from "../../bytes/json.js";
import { type Certificates, readCertificates } from "./certificates.js";

export interface DockerContext {
  readonly host: string;
  readonly certificates: Certificates;
}

export function dockerConfigFolder(environment: Environment): string {
  return environment.DOCKER_CONFIG || join(homeFolder(environment), ".docker");
}

/**
 * The context that is in use; `undefined` where that is the default one.
 * @throws {LaminixError} ERR_ENGINE_HOST where it is not there or says no host, ERR_FILE_READ, ERR_JSON
 */
export function dockerContext(environment: Environment): DockerContext | undefined {
  const folder = dockerConfigFolder(environment);
  const name = environment.DOCKER_CONTEXT || textIn(readJson(join(folder, "config.json")), "currentContext");
  if (name === undefined || name === "default") return undefined;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = readJson(join(folder, "contexts/meta", id, "meta.json"));
  if (!meta) throw wrongContext(name, "is not there", "docker context ls tells which there are");
  const endpoint = objectIn(objectIn(meta, "Endpoints"), "docker");
  const host = textIn(endpoint, "Host");
  if (host === undefined) throw wrongContext(name, "says no host");
  const files = readCertificates(join(folder, "contexts/tls", id, "docker"));
  const unverified = endpoint.get("SkipTLSVerify") === true;
  const required = unverified || Object.values(files).some(Boolean);
  return { host, certificates: { ...files, required, unverified } };
}

function readJson(path: string): JsonObject | undefined {
  if (!existsSync(path)) return undefined;
  const json = parseJson(readText(path), path);
  return isObject(json) ? json : undefined;
}

function wrongContext(name: string, why: string, hint?: string): LaminixError {
  return new LaminixError("ERR_ENGINE_HOST", `Docker's context ${name} ${why}`, {
    details: { context: name },
    ...(hint !== undefined && { hint }),
  });
}
