/** The requests that are answered, by their names in the protocol. */
import { codeActions } from "./actions.js";
import type { Asking } from "./asking.js";
import { executeCommand } from "./commands.js";
import { completion } from "./completion.js";
import { definition } from "./definition.js";
import { documentDiagnostics } from "./diagnostics.js";
import type { Editor } from "./editor.js";
import { inlayHints } from "./hints.js";
import { hover } from "./hover.js";
import { codeLenses, resolveLens } from "./lens.js";
import { documentLinks, resolveLink } from "./links.js";
import { stringIn } from "./parameters.js";
import { makeReport } from "./reports/report.js";
import { parseReportUri } from "./reports/reportUri.js";

type AnswerRequest = (params: unknown, editor: Editor, asking: Asking) => unknown;

export const requests: Readonly<Record<string, AnswerRequest>> = {
  "textDocument/hover": hover,
  "textDocument/definition": definition,
  "textDocument/documentLink": documentLinks,
  "documentLink/resolve": resolveLink,
  "textDocument/inlayHint": inlayHints,
  "textDocument/codeLens": codeLenses,
  "codeLens/resolve": resolveLens,
  "textDocument/codeAction": codeActions,
  "textDocument/completion": completion,
  "textDocument/diagnostic": documentDiagnostics,
  "workspace/executeCommand": executeCommand,
  "workspace/textDocumentContent": async (params, editor, asking) => {
    const { text } = await makeReport(parseReportUri(stringIn(params, "uri")), editor, asking);
    return { text };
  },
  "laminix/attributes": (params, editor, asking) => editor.attributes.names(params, asking),
};
