/**
 * What Docker's program, in Go, can read of a configuration: one key of another type, such as an empty string for a time,
 * and the whole image is refused. Types: Docker image specification 1.3, "Image JSON Description".
 */
import { isArray, isObject, type Json, JsonNumber, type JsonObject } from "../bytes/json.js";

type Check = (value: Json) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
/** Within 64 bits, whatever the digits. */
const isInteger: Check = (value) => value instanceof JsonNumber && value.isInteger && value.text.length <= 18;
/** In Go, a `null` among texts is an empty one. */
const isTextOrNull: Check = (value) => value === null || isText(value);
const isTexts: Check = (value) => isArray(value) && value.every(isTextOrNull);
const isLabels: Check = (value) => isObject(value) && [...value.values()].every(isTextOrNull);
/** Go's `map[string]struct{}`. */
const isSet: Check = (value) =>
  isObject(value) && [...value.values()].every((each) => each === null || isObject(each));
/** RFC 3339, as Go reads a time. */
const isTime: Check = (value) =>
  typeof value === "string" &&
  /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(value) &&
  !Number.isNaN(Date.parse(value)) &&
  // JavaScript takes 30 February for 1 March.
  new Date(`${value.slice(0, 19)}Z`).toISOString().startsWith(value.slice(0, 10));

const HISTORY: Readonly<Record<string, Check>> = {
  created: isTime,
  author: isText,
  created_by: isText,
  comment: isText,
  empty_layer: isFlag,
};

const HEALTHCHECK: Readonly<Record<string, Check>> = {
  test: isTexts,
  interval: isInteger,
  timeout: isInteger,
  startperiod: isInteger,
  startinterval: isInteger,
  retries: isInteger,
};

const CONFIG: Readonly<Record<string, Check>> = {
  hostname: isText,
  domainname: isText,
  user: isText,
  image: isText,
  workingdir: isText,
  macaddress: isText,
  stopsignal: isText,
  // These may be one string too.
  cmd: (value) => isTexts(value) || (isText(value) && value !== ""),
  entrypoint: (value) => isTexts(value) || (isText(value) && value !== ""),
  shell: (value) => isTexts(value) || (isText(value) && value !== ""),
  env: isTexts,
  onbuild: isTexts,
  exposedports: isSet,
  volumes: isSet,
  labels: isLabels,
  healthcheck: (value) => isObject(value) && readable(value, HEALTHCHECK).size === value.size,
  stoptimeout: isInteger,
  attachstdin: isFlag,
  attachstdout: isFlag,
  attachstderr: isFlag,
  tty: isFlag,
  openstdin: isFlag,
  stdinonce: isFlag,
  argsescaped: isFlag,
  networkdisabled: isFlag,
};

/** An entry of a history, without the keys that Docker cannot read. */
export function readableHistory(entry: JsonObject): JsonObject {
  return readable(entry, HISTORY);
}

/** What a container runs, without the keys that Docker cannot read. */
export function readableConfig(config: JsonObject): JsonObject {
  return readable(config, CONFIG);
}

/** Go ignores the case of keys, takes `null` for any type, and skips keys that it does not know. */
function readable(object: JsonObject, checks: Readonly<Record<string, Check>>): JsonObject {
  return new Map(
    [...object].filter(([key, value]) => {
      const name = key.toLowerCase();
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
      return value === null || check === undefined || check(value);
    }),
  );
}
