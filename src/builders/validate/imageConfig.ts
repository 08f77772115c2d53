/** A configuration, and whether its layers and its platform are those of its image (OCI image-spec 1.1, config.md). */
import { type Digest, isDigest } from "../../bytes/digest.js";
import { isArray, isObject, type JsonObject } from "../../bytes/json.js";
import { objectIn, textIn } from "../../image/fields.js";
import { historyOf } from "../../image/history.js";
import { normalPlatform, type Platform, platformName } from "../../image/platform.js";
import { forPlatform } from "../../manifests/platform.js";
import type { Findings } from "./findings.js";

/** @returns its diffIDs, bottom first; `undefined` in place of one that is malformed */
export function checkConfig(
  config: JsonObject,
  { path, layers }: { readonly path: string; readonly layers: number },
  findings: Findings,
): (Digest | undefined)[] {
  const invalid = (why: string): void => {
    findings.report("CONFIG_INVALID", path, why);
  };
  for (const key of ["architecture", "os"])
    if (textIn(config, key) === undefined) invalid(`the configuration has no ${key}`);
  const rootfs = objectIn(config, "rootfs");
  if (rootfs.get("type") !== "layers") invalid("its rootfs is not of the type layers");
  const given = rootfs.get("diff_ids") ?? [];
  if (!isArray(given)) invalid("its rootfs.diff_ids is not a list");
  const diffIds = (isArray(given) ? given : []).map((diffId) => {
    if (typeof diffId === "string" && isDigest(diffId)) return diffId;
    invalid("one of its rootfs.diff_ids is no digest of SHA-256");
    return undefined;
  });
  if (diffIds.length !== layers) {
    const message = `the image has ${String(layers)} layers, and its configuration ${String(diffIds.length)} diff_ids`;
    findings.report("DIFF_ID_COUNT", path, message);
  }
  checkHistory(config, path, layers, findings);
  return diffIds;
}

/** There need be none; where there is one, it tells of each layer. */
function checkHistory(config: JsonObject, path: string, layers: number, findings: Findings): void {
  const given = config.get("history") ?? [];
  const report = (message: string): void => {
    findings.report("HISTORY", path, message);
  };
  if (!isArray(given) || !given.every(isObject)) report("its history is not a list of objects");
  const { entries, telling } = historyOf(config);
  if (entries.length > 0 && telling.length !== layers)
    report(`the image has ${String(layers)} layers, and its history tells of ${String(telling.length)}`);
}

/** Whether an image is one of those that are validated. @param actual `undefined` where nothing has told it yet */
export function isWanted(actual: Platform | undefined, wanted: Platform | undefined): boolean {
  return !actual || !wanted || forPlatform([{ platform: actual }], wanted).length > 0;
}

/** @param listed what an index says; a variant counts where both tell one */
export function checkPlatform(
  listed: Platform | undefined,
  actual: Platform,
  path: string,
  findings: Findings,
): void {
  if (!listed) return;
  const isSame = (key: keyof Platform): boolean =>
    normalPlatform(listed)[key] === normalPlatform(actual)[key];
  const hasVariants = listed.variant !== undefined && actual.variant !== undefined;
  if (isSame("os") && isSame("architecture") && (!hasVariants || isSame("variant"))) return;
  const message = `the index says ${platformName(listed)}, the configuration ${platformName(actual)}`;
  findings.report("PLATFORM", path, message);
}
