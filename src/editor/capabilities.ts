/** What the editor can do, and what this server tells it that it can do (LSP 3.18, "Initialize Request"). */
import type { ServerCapabilities } from "vscode-languageserver-protocol";
import { commands } from "./commands.js";
import type { ClientAbilities } from "./editor.js";
import { agreedEncoding, type PositionEncoding } from "./positions.js";
import { SCHEME } from "./reports/reportUri.js";

/** LSP 3.18, TextDocumentSyncKind. */
const INCREMENTAL = 2;

export interface Agreed {
  readonly encoding: PositionEncoding;
  readonly abilities: ClientAbilities;
}

/** What an editor may send is not known: each thing is looked for, and no more is believed. */
export function agreedWith(capabilities: unknown): Agreed {
  const at = (...keys: readonly string[]): unknown =>
    keys.reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      capabilities,
    );
  const formats = at("textDocument", "hover", "contentFormat");
  return {
    encoding: agreedEncoding(at("general", "positionEncodings")),
    abilities: {
      markdown: Array.isArray(formats) && formats.includes("markdown"),
      readsReports: at("workspace", "textDocumentContent") !== undefined,
      showsDocuments: at("window", "showDocument", "support") === true,
      showsProgress: at("window", "workDoneProgress") === true,
      configures: at("workspace", "configuration") === true,
      pullsDiagnostics: at("textDocument", "diagnostic") !== undefined,
      refreshesHints: at("workspace", "inlayHint", "refreshSupport") === true,
      refreshesLenses: at("workspace", "codeLens", "refreshSupport") === true,
      refreshesDiagnostics: at("workspace", "diagnostics", "refreshSupport") === true,
    },
  };
}

export function serverCapabilities({ encoding, abilities }: Agreed): ServerCapabilities {
  return {
    positionEncoding: encoding,
    textDocumentSync: { openClose: true, change: INCREMENTAL, save: true },
    hoverProvider: true,
    definitionProvider: true,
    documentLinkProvider: { resolveProvider: true },
    inlayHintProvider: true,
    codeLensProvider: { resolveProvider: true },
    codeActionProvider: true,
    completionProvider: { triggerCharacters: ["/", "-", '"'] },
    executeCommandProvider: { commands: Object.keys(commands) },
    ...(abilities.pullsDiagnostics && {
      diagnosticProvider: {
        identifier: "laminix",
        interFileDependencies: false,
        workspaceDiagnostics: false,
      },
    }),
    workspace: {
      workspaceFolders: { supported: true, changeNotifications: true },
      textDocumentContent: { schemes: [SCHEME] },
    },
    experimental: { laminix: { attributes: true } },
  };
}
