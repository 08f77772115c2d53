/** The file behind a path. */
import type { Location } from "vscode-languageserver-protocol";

import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { fileUri } from "./fileUri.js";
import { pathUnder } from "./hover.js";
import { positionOf, uriOf } from "./parameters.js";
import { reportUri } from "./reports/reportUri.js";

export async function definition(params: unknown, editor: Editor, asking: Asking): Promise<Location | null> {
  const text = editor.documents.require(uriOf(params));
  const found = await pathUnder(text, text.offsetAt(positionOf(params)), editor, asking);
  if (!found) return null;
  const { path, inside } = found;
  const followed = await editor.facts.followed(inside === "" ? path : `${path}/${inside}`, asking);
  if (followed?.kind === "file") return { uri: fileUri(followed.place), range: BEGINNING };
  if (!editor.client.readsReports) return null;
  return { uri: reportUri({ kind: "path", path }), range: BEGINNING };
}

const BEGINNING = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
