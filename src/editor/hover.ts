/** What a store path under the cursor is. */
import type { Hover } from "vscode-languageserver-protocol";
import type { StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import type { OpenText } from "./openText.js";
import { positionOf, uriOf } from "./parameters.js";
import { pathFacts } from "./pathFacts.js";
import { asMarkdown, asPlainText } from "./shownFacts.js";
import { hashedWordAt, mayNameStorePath, storePathAt } from "./storePathsAt.js";

/** A store path in a text. */
export interface NamedPath {
  readonly start: number;
  readonly end: number;
  readonly path: StorePath;
  readonly inside: string;
}

export async function hover(params: unknown, editor: Editor, asking: Asking): Promise<Hover | null> {
  const text = editor.documents.require(uriOf(params));
  const offset = text.offsetAt(positionOf(params));
  const found = await pathUnder(text, offset, editor, asking);
  if (!found) {
    const { keyDescriptionAt } = await import("./spec/keyDescription.js");
    return keyDescriptionAt(text, offset, editor);
  }
  const shown = await pathFacts(found.path, found.inside, editor.facts, asking);
  const { markdown } = editor.client;
  return {
    contents: markdown
      ? { kind: "markdown", value: asMarkdown(shown) }
      : { kind: "plaintext", value: asPlainText(shown) },
    range: text.rangeOf(found.start, found.end),
  };
}

/** The path, or the valid path whose hash part or base name stands there alone. */
export async function pathUnder(
  text: OpenText,
  offset: number,
  { facts }: Pick<Editor, "facts">,
  asking: Asking,
): Promise<NamedPath | undefined> {
  // A store that is not there is no news to one who looks at something else.
  if (!mayNameStorePath(text, offset)) return undefined;
  const storeDir = await facts.storeDir(asking);
  const found = storePathAt(text, offset, storeDir);
  if (found) return found;
  const word = hashedWordAt(text, offset);
  if (!word) return undefined;
  const { start, end, name } = word;
  // With a name behind it, it is a store path, valid or not; thirty-two letters alone may be anything.
  const path =
    name === undefined
      ? await facts.pathFromHashPart(word.hashPart, asking)
      : (`${storeDir}/${word.hashPart}-${name}` as StorePath);
  return path && { start, end, path, inside: "" };
}
