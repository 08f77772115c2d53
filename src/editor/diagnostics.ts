/** Store paths that do not exist, as hints; and what is wrong with an image spec. */
import type { Diagnostic, FullDocumentDiagnosticReport } from "vscode-languageserver-protocol";
import type { StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import type { OpenText } from "./openText.js";
import { uriOf } from "./parameters.js";
import { specDocument } from "./spec/specDocument.js";
import { specFaults } from "./spec/specFaults.js";
import { mayNameStorePaths, MOST_SEARCHED, storePathsBetween } from "./storePathsAt.js";

/** LSP 3.18, DiagnosticSeverity. */
const HINT = 4;
/** Paths of one text that are asked about. */
const MOST_ASKED = 2000;

/** For editors that ask. */
export async function documentDiagnostics(
  params: unknown,
  editor: Editor,
  asking: Asking,
): Promise<FullDocumentDiagnosticReport> {
  const text = editor.documents.require(uriOf(params));
  return { kind: "full", items: await diagnosticsOf(text, editor, asking) };
}

export async function diagnosticsOf(text: OpenText, editor: Editor, asking: Asking): Promise<Diagnostic[]> {
  if (!editor.settings.current.diagnostics) return [];
  const spec = specDocument(text, editor);
  const faults = spec ? await specFaults(text, spec) : [];
  return [...faults, ...(await absentPaths(text, editor, asking))];
}

/** Whether they exist is asked once for all. Only the beginning of a large text is searched. */
async function absentPaths(text: OpenText, { facts }: Editor, asking: Asking): Promise<Diagnostic[]> {
  const beginning = text.text.slice(0, MOST_SEARCHED);
  if (!mayNameStorePaths(beginning)) return [];
  const storeDir = await facts.storeDir(asking);
  const found = storePathsBetween(text, 0, beginning.length, storeDir);
  const paths = [...new Set(found.map(({ path }) => path))].slice(0, MOST_ASKED);
  const valid = await facts.validPaths(paths, asking);
  const absent = new Set<StorePath>(paths.filter((path) => !valid.has(path)));
  return found
    .filter(({ path }) => absent.has(path))
    .map(({ start, end, path }) => ({
      range: text.rangeOf(start, end),
      severity: HINT,
      code: "ERR_PATH_NOT_VALID",
      source: "laminix",
      message: `this store does not have ${path}`,
    }));
}
