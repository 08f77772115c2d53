/** Which store path a command is about. */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import * as vscode from "vscode";
import { findStorePaths } from "../../../src/store/findStorePaths.js";
import { localFolders } from "./folders.js";
import { type Server, storeDirOf } from "./server.js";

/** The path that the cursor is in, or at the end of. */
export async function pathUnderCursor(server: Server): Promise<string | undefined> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return undefined;
  const { line, character } = editor.selection.active;
  const found = findStorePaths(editor.document.lineAt(line).text, { storeDir: await storeDirOf(server) });
  return found.findLast(({ start, end }) => start <= character && character <= end)?.path;
}

/** Asks for a path; what the cursor is in is offered. @returns `undefined` where the user wants none */
export async function askForPath(server: Server, title: string): Promise<string | undefined> {
  const storeDir = await storeDirOf(server);
  const typed = await vscode.window.showInputBox({
    title,
    prompt: "A store path, or a link to one, such as result",
    value: (await pathUnderCursor(server)) ?? "",
    placeHolder: `${storeDir}/…`,
    ignoreFocusOut: true,
  });
  return typed === undefined || typed.trim() === "" ? undefined : storePathOf(typed.trim(), storeDir);
}

/** The store path that a text names, or that a file of this disk leads to. @throws {Error} where there is none */
export function storePathOf(text: string, storeDir: string): string {
  const [named] = findStorePaths(text, { storeDir });
  if (named?.start === 0) return named.path;
  const [linked] = findStorePaths(followed(text) ?? "", { storeDir });
  if (linked?.start === 0) return linked.path;
  throw new Error(`${text} is no store path, nor a link to one.`);
}

function followed(path: string): string | undefined {
  try {
    return realpathSync(resolve(localFolders()[0] ?? "/", path));
  } catch {
    return undefined; // there is no such file
  }
}
