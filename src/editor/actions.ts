/** What can be asked, and done, about the store path under the cursor. */
import type { CodeAction, Command } from "vscode-languageserver-protocol";
import { baseName, type StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { pathUnder } from "./hover.js";
import type { OpenText } from "./openText.js";
import { objectOf, rangeOf, uriOf } from "./parameters.js";
import { storePathsBetween } from "./storePathsAt.js";

/** Lines around the cursor in which other paths are looked for. */
const LINES_AROUND = 200;
/** Characters of them. */
const MOST_AROUND = 64 * 1024;
/** Of the nearest other paths. */
const MOST_OTHERS = 4;

export async function codeActions(params: unknown, editor: Editor, asking: Asking): Promise<CodeAction[]> {
  const text = editor.documents.require(uriOf(params));
  const { start, end } = rangeOf(params);
  const { only } = objectOf(objectOf(params, "params").context ?? {}, "params.context");
  // They are of no kind that could be asked for.
  if (Array.isArray(only) && !only.includes("")) return [];
  const offset = text.offsetAt(start);
  const found =
    (await pathUnder(text, offset, editor, asking)) ??
    (await pathUnder(text, text.offsetAt(end), editor, asking));
  if (!found) return [];
  const { path } = found;
  const name = nameOf(path);
  const { facts, settings } = editor;
  const info = await facts.pathInfo(path, asking);
  if (!info) return path.endsWith(".drv") ? [] : [action("Show what is known of it", "laminix.path", path)];
  const others = await othersNear(text, offset, path, editor, asking);
  return [
    ...others.map((other) =>
      action(`Why does ${nameOf(other)} depend on ${name}?`, "laminix.whyDepends", other, path),
    ),
    ...others.map((other) =>
      action(`Why does ${name} depend on ${nameOf(other)}?`, "laminix.whyDepends", path, other),
    ),
    action(`Show the closure of ${name}`, "laminix.closure", path),
    action(`Show what references ${name}`, "laminix.referrers", path),
    action(`Show what keeps ${name} alive`, "laminix.roots", path),
    ...(settings.current.trusted ? [action(`Keep ${name}: add a GC root`, "laminix.addRoot", path)] : []),
    ...(path.endsWith(".drv") ? [action("Show the derivation", "laminix.derivation", path)] : []),
    ...(info.deriver === undefined
      ? []
      : [action(`Open the deriver of ${name}`, "laminix.derivation", info.deriver)]),
  ];
}

/** Other paths of the text, the nearest first. */
async function othersNear(
  text: OpenText,
  offset: number,
  path: StorePath,
  { facts }: Editor,
  asking: Asking,
): Promise<StorePath[]> {
  const line = text.lineAt(offset);
  const from = Math.max(text.lineStart(line - LINES_AROUND) ?? 0, offset - MOST_AROUND);
  const to = Math.min(text.lineStart(line + LINES_AROUND) ?? text.text.length, offset + MOST_AROUND);
  const distances = new Map<StorePath, number>();
  for (const each of storePathsBetween(text, from, to, await facts.storeDir(asking))) {
    const distance = Math.abs(each.start - offset);
    if (each.path !== path)
      distances.set(each.path, Math.min(distance, distances.get(each.path) ?? distance));
  }
  const nearest = [...distances].sort(([, one], [, other]) => one - other).slice(0, MOST_OTHERS);
  const valid = await facts.validPaths(
    nearest.map(([each]) => each),
    asking,
  );
  return nearest.map(([each]) => each).filter((each) => valid.has(each));
}

function nameOf(path: StorePath): string {
  return baseName(path).slice(33);
}

function action(title: string, command: string, ...args: readonly string[]): CodeAction {
  const called: Command = { title, command, arguments: [...args] };
  return { title, command: called };
}
