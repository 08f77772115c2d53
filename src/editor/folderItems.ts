/** Completion of files and folders in a store path, where a slash behind it has been written. */
import type { CompletionItem, CompletionList } from "vscode-languageserver-protocol";
import type { StorePath } from "../store/storePath.js";
import type { Asking } from "./asking.js";
import type { Editor } from "./editor.js";
import type { OpenText } from "./openText.js";
import { mayNameStorePath, pathUpTo } from "./storePathsAt.js";

/** LSP 3.18, CompletionItemKind. */
const KINDS = { file: 17, link: 18, folder: 19 } as const;
const MOST_ITEMS = 200;

/** Characters with which a path in a text would end: see `findStorePaths`. */
const ENDS_PATH = /[\s\p{Cc}"'`‘’“”«»:,;)\]}<>|\\\ufffd]/u;

/** `undefined` where the cursor is not in a store path. */
export async function folderItems(
  text: OpenText,
  offset: number,
  { facts }: Editor,
  asking: Asking,
): Promise<CompletionList | undefined> {
  if (!mayNameStorePath(text, offset)) return undefined;
  const typed = insideAt(text, offset, await facts.storeDir(asking));
  if (!typed) return undefined;
  const { path, folder, name } = typed;
  const { entries, isIncomplete } = await facts.folderEntries(path, folder, asking);
  const lower = name.toLowerCase();
  const matching = entries
    .filter((each) => each.name.toLowerCase().startsWith(lower) && !ENDS_PATH.test(each.name))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const [behind = ""] = /^[0-9a-zA-Z+\-._?=]*/.exec(text.text.slice(offset, offset + 256)) ?? [];
  const range = text.rangeOf(offset - name.length, offset + behind.length);
  return {
    isIncomplete: isIncomplete || matching.length > MOST_ITEMS,
    items: matching.slice(0, MOST_ITEMS).map((each): CompletionItem => ({
      label: each.name,
      kind: KINDS[each.kind],
      filterText: each.name,
      textEdit: { range, newText: each.name },
    })),
  };
}

interface Inside {
  readonly path: StorePath;
  /** The folder in it, which is written already; empty for the path itself. */
  readonly folder: string;
  readonly name: string;
}

function insideAt(text: OpenText, offset: number, storeDir: string): Inside | undefined {
  const found = pathUpTo(text, offset, storeDir);
  if (!found) return undefined;
  const plain = text.text.slice(found.start, offset).replaceAll("\\/", "/");
  const rest = plain.slice(found.path.length);
  const slash = rest.lastIndexOf("/");
  // Without a slash, it is the path's own name that is being written.
  if (slash === -1) return undefined;
  return { path: found.path, folder: rest.slice(0, slash).replace(/^\/+/, ""), name: rest.slice(slash + 1) };
}
