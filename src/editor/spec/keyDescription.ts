/** What a key of a spec is for. */
import type { Hover } from "vscode-languageserver-protocol";
import type { Editor } from "../editor.js";
import type { OpenText } from "../openText.js";
import { placeOf } from "./jsonTree.js";
import { loadSchema, schemasAt } from "./schema.js";
import { specDocument } from "./specDocument.js";

export async function keyDescriptionAt(
  text: OpenText,
  offset: number,
  editor: Editor,
): Promise<Hover | null> {
  const document = specDocument(text, editor);
  if (!document) return null;
  const { node, path, key } = placeOf(document.tree.root, offset);
  if (!key || node.kind !== "object") return null;
  const property = node.properties.find((each) => each.key.start === key.start);
  if (!property) return null;
  const schema = await loadSchema(document.schema);
  const [about] = schemasAt(schema, [...path, property.name]).filter(
    (each) => each.description !== undefined,
  );
  if (about?.description === undefined) return null;
  const usual = about.default === undefined ? "" : `\n\nDefault: ${JSON.stringify(about.default)}`;
  return {
    contents: { kind: "plaintext", value: `${about.description}${usual}` },
    range: text.rangeOf(key.start, key.end),
  };
}
