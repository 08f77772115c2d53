/** Texts that are image specs. */
import type { Editor } from "../editor.js";
import type { OpenText } from "../openText.js";
import { type JsonTree, readJsonTree } from "./jsonTree.js";

/** Characters of a text that is looked at as a spec. */
const LARGEST = 1 << 20;

export type SpecSchema = "spec" | "build-image-spec";

export interface SpecDocument {
  readonly tree: JsonTree;
  readonly schema: SpecSchema;
}

/** By the version of a text: an edit makes another one. */
const read = new WeakMap<AbortSignal, SpecDocument>();

/** The spec that a text is, by its name or by the schema that it names. */
export function specDocument(
  text: OpenText,
  { settings }: Pick<Editor, "settings">,
): SpecDocument | undefined {
  if (text.text.length > LARGEST) return undefined;
  const [, named = ""] = /"\$schema"\s*:\s*"([^"\n]*)"/.exec(text.text.slice(0, 4096)) ?? [];
  const isNamed = named.includes("laminix") && named.endsWith("spec.schema.json");
  if (!isNamed && !settings.current.specs.some((end) => text.uri.endsWith(end))) return undefined;
  const known = read.get(text.outdated);
  if (known) return known;
  const schema = named.endsWith("build-image-spec.schema.json") ? "build-image-spec" : "spec";
  const document: SpecDocument = { tree: readJsonTree(text.text), schema };
  read.set(text.outdated, document);
  return document;
}

/** Whether a text is JSON of any kind. */
export function isJson({ languageId, uri }: OpenText): boolean {
  return languageId === "json" || languageId === "jsonc" || uri.endsWith(".json");
}
