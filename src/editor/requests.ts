/**
 * The requests that are answered, by their names in the protocol. What answers them is loaded with the first of each: an
 * editor that has just been started waits for one.
 */
import type { Asking } from "./asking.js";
import type { Editor } from "./editor.js";
import { hover } from "./hover.js";
import { stringIn } from "./parameters.js";

type AnswerRequest = (params: unknown, editor: Editor, asking: Asking) => unknown;

export const requests: Readonly<Record<string, AnswerRequest>> = {
  "textDocument/hover": hover,
  "textDocument/definition": later(async () => (await import("./definition.js")).definition),
  "textDocument/documentLink": later(async () => (await import("./links.js")).documentLinks),
  "documentLink/resolve": later(async () => (await import("./links.js")).resolveLink),
  "textDocument/inlayHint": later(async () => (await import("./hints.js")).inlayHints),
  "textDocument/codeLens": later(async () => (await import("./lens.js")).codeLenses),
  "codeLens/resolve": later(async () => (await import("./lens.js")).resolveLens),
  "textDocument/codeAction": later(async () => (await import("./actions.js")).codeActions),
  "textDocument/completion": later(async () => (await import("./completion.js")).completion),
  "textDocument/diagnostic": later(async () => (await import("./diagnostics.js")).documentDiagnostics),
  "workspace/executeCommand": later(async () => (await import("./commands.js")).executeCommand),
  "workspace/textDocumentContent": async (params, editor, asking) => {
    const { makeReport } = await import("./reports/report.js");
    const { parseReportUri } = await import("./reports/reportUri.js");
    const { text } = await makeReport(parseReportUri(stringIn(params, "uri")), editor, asking);
    return { text };
  },
  "laminix/attributes": (params, editor, asking) => editor.attributes.names(params, asking),
  "laminix/store": later(async () => (await import("./questions.js")).storeQuestion),
  "laminix/target": later(async () => (await import("./questions.js")).targetQuestion),
  "laminix/tree": later(async () => (await import("./questions.js")).treeQuestion),
  "laminix/duplicates": later(async () => (await import("./questions.js")).duplicatesQuestion),
  "laminix/diff": later(async () => (await import("./questions.js")).diffQuestion),
};

function later(load: () => Promise<AnswerRequest>): AnswerRequest {
  return async (params, editor, asking) => (await load())(params, editor, asking);
}
