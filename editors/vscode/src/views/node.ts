/** Nodes of the sidebar's trees. */
import * as vscode from "vscode";

export interface Node {
  readonly label: string;
  readonly description: string;
  readonly tooltip?: string;
  readonly icon?: string;
  /** What it is about, where it is about one store path. */
  readonly path?: string;
  /** Of whose closure the path is. */
  readonly root?: string;
  /** What is below it; none where there is nothing. */
  readonly below?: () => Promise<Node[]> | Node[];
}

/** A tree of nodes, and the view that shows it. */
export class NodeTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #view: vscode.TreeView<Node>;
  #roots: Node[] = [];
  #shown = 0;

  constructor(viewId: string) {
    this.#view = vscode.window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: true });
  }

  /** @param summary stands above the nodes, and in their place where there are none */
  async show(
    about: string,
    make: () => Promise<{ readonly nodes: Node[]; readonly summary: string }>,
  ): Promise<void> {
    const turn = ++this.#shown;
    this.#set(about, "", []);
    this.#view.message = "…";
    try {
      const { nodes, summary } = await make();
      if (turn === this.#shown) this.#set(about, summary, nodes);
    } catch (error) {
      if (turn === this.#shown) this.#set("", "", []);
      throw error;
    }
  }

  getChildren(node?: Node): Promise<Node[]> | Node[] {
    return node ? (node.below?.() ?? []) : this.#roots;
  }

  getTreeItem({ label, description, tooltip, icon, path, root, below }: Node): vscode.TreeItem {
    const state = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(label, below ? state.Collapsed : state.None);
    item.description = description;
    if (tooltip !== undefined) item.tooltip = tooltip;
    if (icon !== undefined) item.iconPath = new vscode.ThemeIcon(icon);
    if (path === undefined) return item;
    item.contextValue = root === undefined || root === path ? "laminix.path" : "laminix.path.inClosure";
    item.tooltip ??= path;
    item.command = { command: "laminix.openPath", title: "Open Report", arguments: [path] };
    return item;
  }

  dispose(): void {
    this.#view.dispose();
    this.#changed.dispose();
  }

  #set(about: string, summary: string, nodes: Node[]): void {
    this.#roots = nodes;
    this.#view.description = about;
    // The type has no undefined, which is what hides the message.
    (this.#view as { message: string | undefined }).message = summary === "" ? undefined : summary;
    this.#changed.fire(undefined);
  }
}

/** What follows the hash part of a store path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 34);
}
