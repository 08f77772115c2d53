/** The extension's own commands, by their names in the manifest. */
import * as vscode from "vscode";
import { askForPath, pathUnderCursor, storePathOf } from "./choosePath.js";
import { openReport } from "./openTarget.js";
import { type Server, storeDirOf } from "./server.js";
import type { Sidebar } from "./sidebar.js";

export type Command = (given?: unknown) => Promise<void>;

export function ownCommands(
  server: Server,
  sidebar: Sidebar,
  restart: () => Promise<void>,
): Record<string, Command> {
  let selected: string | undefined;
  const pathOf = async (given: unknown): Promise<string | undefined> => {
    if (typeof given === "string") return given;
    // From the explorer.
    if (given instanceof vscode.Uri) return storePathOf(given.fsPath, await storeDirOf(server));
    return isAbout(given) ? given.path : undefined;
  };
  const withPath =
    (work: (path: string) => Promise<void>): Command =>
    async (given) => {
      const path = await pathOf(given);
      if (path !== undefined) await work(path);
    };
  return {
    "laminix.showClosure": async (given) => {
      const path =
        (await pathOf(given)) ??
        (await pathUnderCursor(server)) ??
        (await askForPath(server, "Show the closure of a store path"));
      if (path !== undefined) await sidebar.showClosure(path);
    },
    "laminix.compare": async () => {
      const before = await askForPath(server, "Compare: before (1/2)");
      const after = before && (await askForPath(server, "Compare: after (2/2)"));
      if (before && after) await sidebar.showDiff(before, after);
    },
    "laminix.selectForCompare": withPath(async (path) => {
      selected = path;
      await vscode.commands.executeCommand("setContext", "laminix.hasSelected", true);
    }),
    "laminix.compareWithSelected": withPath(async (path) => {
      if (selected !== undefined) await sidebar.showDiff(selected, path);
    }),
    "laminix.openPath": withPath(openReport),
    "laminix.why": async (given) => {
      if (!isAbout(given) || given.root === undefined) return;
      await vscode.commands.executeCommand("laminix.whyDepends", given.root, given.path);
    },
    "laminix.copyPath": withPath(async (path) => {
      await vscode.env.clipboard.writeText(path);
    }),
    "laminix.restart": restart,
  };
}

/** A node of the sidebar. */
function isAbout(value: unknown): value is { readonly path: string; readonly root?: string } {
  return typeof value === "object" && value !== null && "path" in value && typeof value.path === "string";
}
