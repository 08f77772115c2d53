/** The extension for VS Code: `laminix lsp`, links in the terminal, and the sidebar. */
import * as vscode from "vscode";
import { ownCommands } from "./commands.js";
import { LanguageServer } from "./languageServer.js";
import { executeCommand } from "./serverCommands.js";
import { Sidebar } from "./sidebar.js";
import { provideCompletionItem } from "./specCompletion.js";
import { failureText, tellFailure } from "./tellFailure.js";
import { StoreLinks } from "./terminalLinks.js";

/** Where it is remembered that the user need not be told again that laminix is missing. */
const IS_TOLD = "missing.isTold";

let server: LanguageServer | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const running: LanguageServer = new LanguageServer({
    executeCommand: executeCommand(() => running.program()),
    provideCompletionItem,
  });
  server = running;
  const sidebar = new Sidebar(running);
  const commands = ownCommands(running, sidebar, () => running.restart());
  context.subscriptions.push(
    running,
    sidebar,
    vscode.window.registerTerminalLinkProvider(new StoreLinks(running)),
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(name, (given?: unknown) => tellFailure(() => run(given))),
    ),
    vscode.workspace.onDidGrantWorkspaceTrust(() => tellFailure(() => running.trusted())),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("laminix.path")) void tellFailure(() => running.restart());
      else if (change.affectsConfiguration("laminix")) void tellFailure(() => running.configured());
    }),
  );
  try {
    await running.start();
  } catch (error) {
    void tellOnce(failureText(error), context);
  }
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

/** Nobody has asked for anything yet. */
async function tellOnce(message: string, { globalState }: vscode.ExtensionContext): Promise<void> {
  if (globalState.get<boolean>(IS_TOLD, false)) return;
  const [settings, silence] = ["Open Settings", "Do Not Show Again"];
  const chosen = await vscode.window.showWarningMessage(`laminix: ${message}`, settings, silence);
  if (chosen === silence) await globalState.update(IS_TOLD, true);
  if (chosen === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "laminix.path");
  }
}
