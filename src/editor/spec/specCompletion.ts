/** Keys of a spec, and the values that a key can have. */
import type { CompletionItem } from "vscode-languageserver-protocol";
import type { Editor } from "../editor.js";
import type { OpenText } from "../openText.js";
import { placeOf } from "./jsonTree.js";
import { loadSchema, type Schema, schemasAt } from "./schema.js";
import { specDocument } from "./specDocument.js";

/** LSP 3.18, CompletionItemKind. */
const PROPERTY = 10;
const VALUE = 12;

export async function specCompletion(
  text: OpenText,
  offset: number,
  editor: Editor,
): Promise<CompletionItem[]> {
  const document = specDocument(text, editor);
  if (!document) return [];
  const { node, path, key } = placeOf(document.tree.root, offset);
  const schemas = schemasAt(await loadSchema(document.schema), path);
  if (node.kind === "object" && key) {
    const range = text.rangeOf(key.start, key.end);
    const written = new Set(
      node.properties.filter((each) => each.key.start !== key.start).map(({ name }) => name),
    );
    const isNew = !node.properties.some(
      (each) => each.key.start === key.start && each.value.kind !== "missing",
    );
    return keysOf(schemas)
      .filter(([name]) => !written.has(name))
      .map(([name, { description }]) => ({
        label: name,
        kind: PROPERTY,
        filterText: JSON.stringify(name),
        textEdit: { range, newText: isNew ? `${JSON.stringify(name)}: ` : JSON.stringify(name) },
        ...(description !== undefined && { documentation: description }),
      }));
  }
  if (node.kind !== "value" && node.kind !== "missing") return [];
  const range = text.rangeOf(
    node.kind === "value" ? node.start : offset,
    node.kind === "value" ? node.end : offset,
  );
  return [...new Set(schemas.flatMap(valuesOf))].map((value) => ({
    label: value,
    kind: VALUE,
    filterText: value,
    textEdit: { range, newText: value },
  }));
}

function keysOf(schemas: readonly Schema[]): [string, Schema][] {
  return [...new Map(schemas.flatMap(({ properties = {} }) => Object.entries(properties)))];
}

/** As JSON. */
function valuesOf({ enum: several, const: one, type }: Schema): string[] {
  if (several) return several.map((value) => JSON.stringify(value));
  if (one !== undefined) return [JSON.stringify(one)];
  return type === "boolean" ? ["true", "false"] : [];
}
