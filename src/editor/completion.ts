/**
 * Store paths by the names of their packages, where the store's folder has been written; files in a store path; and keys
 * of image specs.
 */
import type { CompletionItem, CompletionList } from "vscode-languageserver-protocol";
import { isDaemon } from "./askedStore.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { folderItems } from "./folderItems.js";
import type { OpenText } from "./openText.js";
import { positionOf, uriOf } from "./parameters.js";
import { specCompletion } from "./spec/specCompletion.js";

/** LSP 3.18, CompletionItemKind. */
const FILE = 17;
const MOST_ITEMS = 100;

export async function completion(
  params: unknown,
  editor: Editor,
  asking: Asking,
): Promise<CompletionList | CompletionItem[] | null> {
  const text = editor.documents.require(uriOf(params));
  const offset = text.offsetAt(positionOf(params));
  const typed = beginningAt(text, offset);
  if (typed) {
    const found = await storePathItems(typed, text, offset, editor, asking);
    if (found) return found;
  }
  const inside = await folderItems(text, offset, editor, asking);
  if (inside) return inside;
  const items = await specCompletion(text, offset, editor);
  return items.length === 0 ? null : items;
}

interface Beginning {
  /** As it is written, with the slash behind it, which JSON may escape. */
  readonly folder: string;
  readonly name: string;
}

/** What stands before the cursor, where it may be a folder and the beginning of a name. */
function beginningAt(text: OpenText, offset: number): Beginning | undefined {
  const from = Math.max(text.lineStart(text.lineAt(offset)) ?? 0, offset - 1024);
  const [whole = "", folder = "", name = ""] =
    /((?:\\?\/[^\s\p{Cc}"'`<>|,;:()[\]{}/\\]+)+\\?\/)([0-9a-zA-Z+\-._?=]*)$/u.exec(
      text.text.slice(from, offset),
    ) ?? [];
  return whole === "" ? undefined : { folder, name };
}

async function storePathItems(
  { folder, name }: Beginning,
  text: OpenText,
  offset: number,
  { facts }: Editor,
  asking: Asking,
): Promise<CompletionList | undefined> {
  const plain = folder.replaceAll("\\/", "/");
  // A store that is not there is no news to one who writes another path.
  if (!/\/[^/]*store\/$/.test(plain)) return undefined;
  const storeDir = await facts.storeDir(asking);
  // There may be more before it, such as `file://`.
  if (!plain.endsWith(`${storeDir}/`)) return undefined;
  if (!isDaemon(await facts.store)) return undefined;
  const bases = await facts.index.matching(name, MOST_ITEMS, asking);
  const [behind = ""] = /^[0-9a-zA-Z+\-._?=]*/.exec(text.text.slice(offset, offset + 256)) ?? [];
  const range = text.rangeOf(offset - name.length, offset + behind.length);
  return {
    // With more typed, others may match.
    isIncomplete: true,
    items: bases.map((base, i) => ({
      label: base.slice(33),
      kind: FILE,
      detail: base.slice(0, 32),
      sortText: String(i).padStart(4, "0"),
      // Editors compare it with what is to be replaced.
      filterText: base.startsWith(name) && name !== "" ? base : base.slice(33),
      textEdit: { range, newText: base },
    })),
  };
}
