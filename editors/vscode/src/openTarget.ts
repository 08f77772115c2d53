/** Files of the store, and reports, on the screen. */
import * as vscode from "vscode";
import type { Server } from "./server.js";

/** Opens the file behind a path, or the report of it. @param line and `column`, counted from 1 */
export async function openTarget(
  server: Server,
  path: string,
  place?: { readonly line: number; readonly column: number },
): Promise<void> {
  const { uri } = await server.ask("laminix/target", { path });
  if (uri === null) throw new Error(`There is nothing to open behind ${path}.`);
  const at = place && new vscode.Position(Math.max(0, place.line - 1), Math.max(0, place.column - 1));
  const options = at ? [{ selection: new vscode.Range(at, at) }] : [];
  await vscode.commands.executeCommand("vscode.open", vscode.Uri.parse(uri), ...options);
}

/** Opens the report of a store path. */
export async function openReport(path: string): Promise<void> {
  const uri = vscode.Uri.from({ scheme: "laminix", path, query: "path" });
  await vscode.commands.executeCommand("vscode.open", uri);
}
