/** How large the closures are of the paths that JSON names. */
import type { InlayHint } from "vscode-languageserver-protocol";
import { bytes, counted } from "../format.js";
import type { StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { rangeOf, uriOf } from "./parameters.js";
import { isJson, specDocument } from "./spec/specDocument.js";
import { mayNameStorePaths, MOST_SEARCHED, storePathsBetween } from "./storePathsAt.js";

/** Paths of one range that are asked about. */
const MOST_ASKED = 200;
/** Milliseconds. Closures that take longer have their hints when the editor asks again, as it is then told to. */
const PATIENCE = 150;

export async function inlayHints(params: unknown, editor: Editor, asking: Asking): Promise<InlayHint[]> {
  const text = editor.documents.require(uriOf(params));
  const { start, end } = rangeOf(params);
  if (!editor.settings.current.inlayHints) return [];
  if (!isJson(text) && !specDocument(text, editor)) return [];
  const from = text.offsetAt(start);
  const to = Math.min(text.offsetAt(end), from + MOST_SEARCHED);
  if (!mayNameStorePaths(text.text.slice(from, to))) return [];
  const { facts } = editor;
  const found = storePathsBetween(text, from, to, await facts.storeDir(asking));
  const paths = [...new Set(found.map(({ path }) => path))].slice(0, MOST_ASKED);
  const labels = new Map<StorePath, string>();
  await Promise.all(
    paths.map(async (path) => {
      const info = await facts.pathInfo(path, asking);
      const totals = info && (await facts.closureTotals(info, PATIENCE, asking));
      if (totals) labels.set(path, `${bytes(totals.narSize)}, ${counted(totals.paths, "path")}`);
    }),
  );
  return found.flatMap(({ path, end: behind }) => {
    const label = labels.get(path);
    if (label === undefined) return [];
    // Behind the quote, where it is not taken for a part of the string.
    const place = /["'`]/.test(text.text[behind] ?? "") ? behind + 1 : behind;
    return [{ position: text.positionAt(place), label, paddingLeft: true }];
  });
}
