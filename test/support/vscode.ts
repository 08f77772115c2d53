/**
 * VS Code as far as the extension and the protocol's client library see it: what is registered is kept, what is shown is
 * told, what is asked of a user is answered by the test. What is not needed here is there by name and does nothing.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL, fileURLToPath } from "node:url";

type Callback = (value: unknown) => unknown;

export class Uri {
  readonly scheme: string;
  readonly path: string;
  readonly query: string;

  constructor(scheme: string, place: string, query: string) {
    this.scheme = scheme;
    this.path = place;
    this.query = query;
  }

  static parse(text: string): Uri {
    const url = new URL(text);
    return new Uri(url.protocol.slice(0, -1), decodeURIComponent(url.pathname), url.search.slice(1));
  }

  static file(place: string): Uri {
    return Uri.parse(pathToFileURL(place).href);
  }

  static from({ scheme, path: place, query = "" }: { scheme: string; path: string; query?: string }): Uri {
    return new Uri(scheme, place, query);
  }

  get fsPath(): string {
    return this.scheme === "file" ? fileURLToPath(pathToFileURL(this.path)) : this.path;
  }

  with(change: { path?: string }): Uri {
    return new Uri(this.scheme, change.path ?? this.path, this.query);
  }

  toString(): string {
    if (this.scheme === "file") return pathToFileURL(this.path).href;
    return `${this.scheme}:${this.path}${this.query === "" ? "" : `?${this.query}`}`;
  }
}

class Position {
  readonly line: number;
  readonly character: number;
  constructor(line: number, character: number) {
    this.line = line;
    this.character = character;
  }
}

class EventEmitter {
  readonly #listeners = new Set<Callback>();
  readonly event = (listener: Callback, thisArg?: unknown): { dispose(): void } => {
    const bound: Callback = (value) => listener.call(thisArg, value);
    this.#listeners.add(bound);
    return { dispose: () => this.#listeners.delete(bound) };
  };
  fire(value?: unknown): void {
    for (const each of [...this.#listeners]) each(value);
  }
  dispose(): void {
    this.#listeners.clear();
  }
}

/** A record of whatever it is made with. */
const recordOf = (...names: string[]) =>
  class {
    [key: string]: unknown;
    constructor(...values: unknown[]) {
      names.forEach((name, i) => (this[name] = values[i]));
    }
  };

/** A name of VS Code's that is never looked at: a class, a function, a group of names, an event. */
function anything(): object {
  const target = class {
    dispose(): void {
      // nothing was begun
    }
  };
  return new Proxy(target, {
    get: (of, key) => {
      if (key in of || typeof key === "symbol") return Reflect.get(of, key) as unknown;
      const made = anything();
      Reflect.set(of, key, made);
      return made;
    },
    apply: () => ({ dispose: () => undefined }),
  });
}

/** What has no name here is anything. */
function withRest<T extends object>(known: T): T {
  const rest = new Map<PropertyKey, object>();
  return new Proxy(known, {
    get: (of, key) => {
      if (key in of || key === "then" || typeof key === "symbol") return Reflect.get(of, key) as unknown;
      const made = rest.get(key) ?? anything();
      rest.set(key, made);
      return made;
    },
  });
}

export interface TreeItem {
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  readonly contextValue: string;
  readonly collapsibleState: number;
  readonly command: { command: string; arguments: unknown[] };
}

interface Provider {
  getChildren(node?: unknown): Promise<unknown[]>;
  getTreeItem(node: unknown): TreeItem;
}

interface Link {
  startIndex: number;
  length: number;
}

export interface TerminalLinkProvider {
  provideTerminalLinks(context: { line: string }): Promise<Link[]>;
  handleTerminalLink(link: Link): Promise<void>;
}

export interface Task {
  readonly name: string;
  readonly execution: { process: string; args: string[]; options: { cwd: string } };
}

export interface EditorOptions {
  readonly folders?: readonly string[];
  readonly isTrusted?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** One window of the editor. */
export class VsCode {
  isTrusted: boolean;
  settings: Readonly<Record<string, unknown>>;
  activeTextEditor: unknown;
  /** Commands by their names. */
  readonly commands = new Map<string, (...args: unknown[]) => unknown>();
  /** Commands of the editor's own that were called. */
  readonly called: { command: string; args: unknown[] }[] = [];
  readonly messages: string[] = [];
  readonly tasks: Task[] = [];
  readonly clipboard: string[] = [];
  /** What input boxes and save dialogs are answered with, in turn. */
  readonly answers: unknown[] = [];
  readonly asked: { value?: string; defaultUri?: Uri }[] = [];
  readonly views = new Map<string, { provider: Provider; message?: string; description?: string }>();
  readonly contents = new Map<
    string,
    { provideTextDocumentContent(uri: Uri, token: object): Promise<string> }
  >();
  readonly granted = new EventEmitter();
  readonly configured = new EventEmitter();
  terminal: TerminalLinkProvider | undefined;
  readonly module: object;

  constructor({ folders = [], isTrusted = true, settings = {} }: EditorOptions = {}) {
    this.isTrusted = isTrusted;
    this.settings = settings;
    const disposable = (dispose: () => void = () => undefined): object => ({ dispose });
    const tell = (text: string): Promise<undefined> => {
      this.messages.push(text);
      return Promise.resolve(undefined);
    };
    const ask = (options: { value?: string; defaultUri?: Uri }): Promise<unknown> => {
      this.asked.push(options);
      return Promise.resolve(this.answers.shift());
    };
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const self = this;
    const none = new EventEmitter().event;
    this.module = withRest({
      version: "1.91.0",
      Uri,
      Position,
      Range: recordOf("start", "end"),
      EventEmitter,
      Disposable: Object.assign(recordOf("dispose"), {
        from: (...each: { dispose(): void }[]) =>
          disposable(() => {
            for (const one of each) one.dispose();
          }),
      }),
      TreeItem: recordOf("label", "collapsibleState"),
      TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
      ThemeIcon: recordOf("id"),
      Task: recordOf("definition", "scope", "name", "source", "execution"),
      TaskScope: { Workspace: 2 },
      TaskRevealKind: { Always: 1 },
      ProcessExecution: recordOf("process", "args", "options"),
      CompletionItemKind: { Property: 9, Value: 11, File: 16 },
      CompletionList: recordOf("items", "isIncomplete"),
      CancellationTokenSource: recordOf(),
      env: withRest({
        appName: "test",
        language: "en",
        clipboard: { writeText: async (text: string) => void this.clipboard.push(text) },
      }),
      commands: {
        registerCommand: (name: string, run: (...args: unknown[]) => unknown) => {
          if (this.commands.has(name)) throw new Error(`command '${name}' already exists`);
          this.commands.set(name, run);
          return disposable(() => this.commands.delete(name));
        },
        executeCommand: async (command: string, ...args: unknown[]) => {
          const run = this.commands.get(command);
          if (run) return run(...args);
          this.called.push({ command, args });
          return undefined;
        },
      },
      window: withRest({
        get activeTextEditor() {
          return self.activeTextEditor;
        },
        visibleTextEditors: [],
        tabGroups: { all: [], onDidChangeTabs: none, onDidChangeTabGroups: none },
        onDidChangeActiveTextEditor: none,
        onDidChangeVisibleTextEditors: none,
        showErrorMessage: tell,
        showWarningMessage: tell,
        showInformationMessage: tell,
        showInputBox: ask,
        showSaveDialog: ask,
        showTextDocument: async (uri: Uri) => void this.called.push({ command: "show", args: [uri] }),
        createOutputChannel: () => withRest({ append: () => undefined, appendLine: () => undefined }),
        registerTerminalLinkProvider: (provider: TerminalLinkProvider) => {
          this.terminal = provider;
          return disposable();
        },
        createTreeView: (id: string, { treeDataProvider }: { treeDataProvider: Provider }) => {
          const view = { provider: treeDataProvider, dispose: () => undefined };
          this.views.set(id, view);
          return view;
        },
      }),
      workspace: withRest({
        get isTrusted() {
          return self.isTrusted;
        },
        workspaceFolders: folders.map((folder, index) => ({
          uri: Uri.file(folder),
          name: path.basename(folder),
          index,
        })),
        textDocuments: [],
        notebookDocuments: [],
        onDidGrantWorkspaceTrust: this.granted.event,
        onDidChangeConfiguration: this.configured.event,
        getConfiguration: (section?: string) => ({
          get: (key: string, unset: unknown) =>
            section === undefined ? this.#settingsIn(key) : (this.settings[`${section}.${key}`] ?? unset),
          inspect: () => undefined,
        }),
        getWorkspaceFolder: () => undefined,
        registerTextDocumentContentProvider: (scheme: string, provider: never) => {
          this.contents.set(scheme, provider);
          return disposable(() => this.contents.delete(scheme));
        },
      }),
      tasks: { executeTask: async (task: Task) => void this.tasks.push(task) },
      languages: withRest({ match: () => 0, createDiagnosticCollection: () => anything() }),
    });
  }

  /** Loads an extension's CommonJS bundle, which finds this window as `vscode`. */
  load(code: string): { activate(context: object): Promise<void>; deactivate(): Promise<void> } {
    const own = createRequire(import.meta.url);
    const module = { exports: {} };
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const run = new Function("require", "module", "exports", code);
    run((name: string) => (name === "vscode" ? this.module : own(name)), module, module.exports);
    return module.exports as ReturnType<VsCode["load"]>;
  }

  /** The items of a view, as a tree of labels. */
  async items(id: string, node?: unknown): Promise<(TreeItem & { node: unknown })[]> {
    const { provider } = this.views.get(id)!;
    const nodes = await provider.getChildren(node);
    return nodes.map((each) => ({ ...provider.getTreeItem(each), node: each }));
  }

  #settingsIn(section: string): object {
    const prefix = `${section}.`;
    const own = Object.entries(this.settings).filter(([key]) => key.startsWith(prefix));
    return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
  }
}
