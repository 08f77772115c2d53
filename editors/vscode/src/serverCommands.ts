/** Commands of the server's lenses and actions: some are asked about, or done, here. */
import { join } from "node:path";
import * as vscode from "vscode";
import { localFolders } from "./folders.js";
import { buildImage, loadImage } from "./imageTasks.js";
import { tellFailure } from "./tellFailure.js";

type RunCommand = (
  command: string,
  args: readonly unknown[],
  next: (command: string, args: unknown[]) => unknown,
) => Promise<unknown>;

/** @param program where laminix is */
export function executeCommand(program: () => string): RunCommand {
  return async (command, args, next) => {
    const [first, second] = args;
    if (typeof first !== "string") return next(command, [...args]);
    switch (command) {
      case "laminix.build":
        return tellFailure(() => buildImage(program(), vscode.Uri.parse(first)));
      case "laminix.load":
        return tellFailure(() => loadImage(program(), vscode.Uri.parse(first)));
      case "laminix.addRoot": {
        const link = typeof second === "string" ? second : await placeForRoot(first);
        return link === undefined ? undefined : next(command, [first, link]);
      }
      default:
        return next(command, [...args]);
    }
  };
}

async function placeForRoot(path: string): Promise<string | undefined> {
  const name = `result-${path.slice(path.lastIndexOf("/") + 34)}`;
  const [folder] = localFolders();
  const place = await vscode.window.showSaveDialog({
    title: "Where to put the link that keeps the path",
    saveLabel: "Add GC Root",
    ...(folder !== undefined && { defaultUri: vscode.Uri.file(join(folder, name)) }),
  });
  return place?.fsPath;
}
