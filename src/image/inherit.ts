/**
 * What an image has from the one below it. It is what a Dockerfile's FROM hands on: the configuration under one's own,
 * and the history.
 */
import { withBaseEnvironment } from "./environment.js";
import { readableConfig, readableHistory } from "./goTypes.js";
import { historyOf } from "./history.js";
import type { Inherited } from "./describedImage.js";
import { isObject, type Json, type JsonObject } from "../bytes/json.js";
import type { Layer } from "./layer.js";

/** Sets by name: what is named in one's own is added, or put in place of what has that name. */
const MERGED = ["Labels", "Volumes", "ExposedPorts"];

/**
 * The base's configuration where one's own says nothing. As with Docker, an Entrypoint of one's own takes the base's Cmd
 * away, which were its arguments, and OnBuild is for who builds on the base itself.
 */
export function inheritConfig(own: JsonObject, base: JsonObject | undefined): JsonObject {
  if (!base) return own;
  const config = new Map(readableConfig(base));
  config.delete("OnBuild");
  if (own.has("Entrypoint")) config.delete("Cmd");
  for (const [key, value] of own) {
    const below = config.get(key);
    const isMerged = MERGED.includes(key) && isObject(below) && isObject(value);
    config.set(key, isMerged ? new Map([...below, ...value]) : value);
  }
  return withBaseEnvironment(config, base);
}

/**
 * The base's own history, without what Docker cannot read of it, if it tells of as many layers as there are; otherwise
 * one entry for each of them.
 * @param created when the new image was made
 */
export function inheritHistory(configFile: JsonObject, layers: readonly Layer[], created: string): Inherited {
  const { entries, telling } = historyOf(configFile);
  if (entries.every(isObject) && telling.length === layers.length) {
    return { history: entries.map(readableHistory), layers: layers.length };
  }
  const made = layers.map(
    ({ sources }): Json =>
      new Map([
        ["created", created],
        ["comment", `base image: ${sources.join(" ")}`],
      ]),
  );
  return { history: made, layers: layers.length };
}
