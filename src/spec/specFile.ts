/** Specs in files. */
import { LaminixError } from "../errors.js";
import { isObject, parseJson, toJs } from "../bytes/json.js";
import type { ImageSpec } from "./spec.js";

/**
 * A spec's text. Its `config` is kept as it is written.
 * @throws {LaminixError} ERR_JSON, ERR_SPEC
 */
export function parseSpec(source: string, name: string): ImageSpec {
  const json = parseJson(source, name);
  if (!isObject(json))
    throw new LaminixError("ERR_SPEC", `${name} is not an object`, { details: { path: name } });
  const config = json.get("config");
  const plain = toJs(new Map([...json].filter(([key]) => key !== "config"))) as ImageSpec;
  return config === undefined || config === null
    ? plain
    : { ...plain, config: config as unknown as Record<string, unknown> };
}
