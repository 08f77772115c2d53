/** Environment variables of images: lists of `NAME=value`. */
import { textsIn } from "./fields.js";
import type { JsonObject } from "../bytes/json.js";

/**
 * The configuration with the base image's variables under its own: one entry a name, the last value at the place of
 * the first, as dockerTools does it. Without any variables it is left as it is.
 */
export function withBaseEnvironment(config: JsonObject, base: JsonObject | undefined): JsonObject {
  const entries = [...textsIn(base, "Env"), ...textsIn(config, "Env")];
  if (entries.length === 0) return config;
  const byName = new Map(entries.map((entry) => [entry.split("=", 1)[0], entry]));
  return new Map([...config, ["Env", [...byName.values()]]]);
}
