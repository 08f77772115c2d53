/** Files of a layout or an archive, as far as they can be read. */
import type { Json } from "../../bytes/json.js";
import type { Region } from "../../files/storedFile.js";
import type { ImageJson } from "../../manifests/imageJson.js";
import { type Findings, isDamage } from "./findings.js";

export interface Files {
  find(name: string): Region | undefined;
}

/** @returns `undefined` too for what is no file, such as a folder or a link that leads nowhere */
export function regionOf(files: Files, name: string): Region | undefined {
  try {
    return files.find(name);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/** @returns `undefined` for what cannot be read as JSON, which is reported */
export function jsonIn(region: Region, name: string, json: ImageJson, findings: Findings): Json | undefined {
  try {
    return json.parse(json.bytes(region, name), name);
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.report("JSON_INVALID", name, error.message);
    return undefined;
  }
}
