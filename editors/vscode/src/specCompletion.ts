/** Keys of an image spec are offered once: the editor knows the schema that the extension brings, and offers them itself. */
import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";

export const provideCompletionItem: NonNullable<Middleware["provideCompletionItem"]> = async (
  document,
  position,
  context,
  token,
  next,
) => {
  const found = await next(document, position, context, token);
  if (!found || !document.uri.path.endsWith(".laminix.json")) return found;
  const { Property, Value } = vscode.CompletionItemKind;
  const isOther = ({ kind }: vscode.CompletionItem): boolean => kind !== Property && kind !== Value;
  if (Array.isArray(found)) return found.filter(isOther);
  return new vscode.CompletionList(found.items.filter(isOther), found.isIncomplete);
};
