/** The views of the sidebar. */
import * as vscode from "vscode";
import type { Server } from "./server.js";
import { closureNodes } from "./views/closure.js";
import { diffNodes } from "./views/diff.js";
import { duplicateNodes } from "./views/duplicates.js";
import { nameOf, NodeTree } from "./views/node.js";

export class Sidebar implements vscode.Disposable {
  readonly #server: Server;
  readonly closure = new NodeTree("laminix.closure");
  readonly duplicates = new NodeTree("laminix.duplicates");
  readonly diff = new NodeTree("laminix.diff");

  constructor(server: Server) {
    this.#server = server;
  }

  async showClosure(path: string): Promise<void> {
    await vscode.commands.executeCommand("laminix.closure.focus");
    const name = nameOf(path);
    await Promise.all([
      this.closure.show(name, () => closureNodes(this.#server, path)),
      this.duplicates.show(name, () => duplicateNodes(this.#server, path)),
    ]);
  }

  async showDiff(before: string, after: string): Promise<void> {
    await vscode.commands.executeCommand("laminix.diff.focus");
    const about = `${nameOf(before)} → ${nameOf(after)}`;
    await this.diff.show(about, () => diffNodes(this.#server, before, after));
  }

  dispose(): void {
    for (const each of [this.closure, this.duplicates, this.diff]) each.dispose();
  }
}
