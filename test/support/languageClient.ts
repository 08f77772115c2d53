/** The language server as an editor has it: a child, spoken to by the protocol's own library. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import {
  type CancellationToken,
  type CodeAction,
  type CodeLens,
  type Command,
  type CompletionItem,
  createMessageConnection,
  type Diagnostic,
  type DocumentLink,
  type InitializeResult,
  type InlayHint,
  type Location,
  type MarkupContent,
  type MessageConnection,
  type Range,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-languageserver-protocol/node";
import type { TreeLevel } from "../../dist/editor/questions.js";
import type { ClosureDiff } from "../../dist/store/questions/diffClosures.js";
import type { Duplicate } from "../../dist/store/questions/duplicates.js";
import { projectRoot } from "./run.js";

/** What requests are answered with; `null` where there is nothing, which is for tests to say. */
export interface Answers {
  "textDocument/hover": { contents: MarkupContent; range: Range };
  "textDocument/definition": Location;
  "textDocument/documentLink": DocumentLink[];
  "documentLink/resolve": DocumentLink;
  "textDocument/inlayHint": InlayHint[];
  "textDocument/codeLens": CodeLens[];
  "codeLens/resolve": CodeLens;
  "textDocument/codeAction": (CodeAction & { command: Command })[];
  "textDocument/completion": { items: EditingItem[] } | EditingItem[] | null;
  "textDocument/diagnostic": { kind: string; items: Diagnostic[] };
  "workspace/executeCommand": { title: string; uri: string; text: string; link: string };
  "workspace/textDocumentContent": { text: string };
  "laminix/attributes": { names: string[]; isIncomplete: boolean };
  "laminix/store": { store: string; storeDir: string };
  "laminix/target": { uri: string | null };
  "laminix/tree": TreeLevel;
  "laminix/duplicates": Duplicate[];
  "laminix/diff": ClosureDiff;
}

export type EditingItem = CompletionItem & { textEdit: { range: Range; newText: string } };

export interface LanguageClientOptions {
  readonly store?: string;
  /** This one unless given. */
  readonly node?: string;
  /** What the editor says it can do. */
  readonly capabilities?: object;
  readonly initializationOptions?: object;
  readonly processId?: number | null;
  readonly folders?: readonly string[];
  /** Answers to the server's requests, by their methods. */
  readonly answers?: Readonly<Record<string, (params: unknown) => unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Told {
  readonly method: string;
  readonly params: unknown;
}

export interface LanguageClient extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly connection: MessageConnection;
  readonly initialized: InitializeResult;
  /** What the server has told or asked so far. */
  readonly told: readonly Told[];
  readonly stderr: () => string;
  request<Method extends keyof Answers>(
    method: Method,
    params?: unknown,
    token?: CancellationToken,
  ): Promise<Answers[Method]>;
  ask(method: string, params?: unknown, token?: CancellationToken): Promise<unknown>;
  /** The error that a request is answered with. */
  failure(method: string, params?: unknown): Promise<ResponseError<{ code: string; hint?: string }>>;
  notify(method: string, params?: unknown): Promise<void>;
  /** Opens a text and asks about a place in it, which is marked by `|`. */
  open(uri: string, text: string, languageId?: string): Promise<void>;
  /** Waits until the server has told something. */
  heard<T>(method: string, matches?: (params: T) => boolean): Promise<T>;
  exited(): Promise<number | null>;
}

export const bin = path.join(projectRoot, "dist/bundled/laminix.js");

export async function startLanguageClient(options: LanguageClientOptions = {}): Promise<LanguageClient> {
  const args = [bin, "lsp", "--stdio", ...(options.store === undefined ? [] : ["--store", options.store])];
  const child = spawn(options.node ?? process.execPath, args, {
    stdio: "pipe",
    env: { ...process.env, ...options.environment },
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = once(child, "exit");
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  const hear = (method: string, params: unknown): void => {
    told.push({ method, params });
    for (const each of waiting) each();
  };
  connection.onNotification((method, params) => {
    hear(method, params);
  });
  // The library keeps progress to itself otherwise.
  connection.onUnhandledProgress((params) => {
    hear("$/progress", params);
  });
  connection.onRequest((method, params) => {
    hear(method, params);
    const answer = options.answers?.[method];
    return answer ? answer(params) : null;
  });
  connection.onError(() => undefined);
  child.stdin.on("error", () => undefined);
  connection.listen();
  const ask: LanguageClient["ask"] = (method, params, token) =>
    // One that is not given must not be passed: the library would take both for parameters.
    token ? connection.sendRequest(method, params, token) : connection.sendRequest(method, params);
  const notify: LanguageClient["notify"] = (method, params) => connection.sendNotification(method, params);
  const initialized = (await ask("initialize", {
    processId: options.processId ?? process.pid,
    rootUri: null,
    workspaceFolders: (options.folders ?? []).map((uri) => ({ uri, name: path.basename(uri) })),
    capabilities: options.capabilities ?? {},
    initializationOptions: options.initializationOptions,
  })) as InitializeResult;
  await notify("initialized", {});
  return {
    child,
    connection,
    initialized,
    told,
    stderr: () => stderr,
    request: ask as LanguageClient["request"],
    ask,
    failure: async (method, params) => {
      try {
        const result = await ask(method, params);
        throw new Error(`it was answered: ${JSON.stringify(result)}`);
      } catch (error) {
        if (error instanceof ResponseError) return error;
        throw error;
      }
    },
    notify,
    open: (uri, text, languageId = "plaintext") =>
      notify("textDocument/didOpen", { textDocument: { uri, languageId, version: 1, text } }),
    heard: async <T>(method: string, matches: (params: T) => boolean = () => true) => {
      for (;;) {
        const found = told.find((each) => each.method === method && matches(each.params as T));
        if (found) return found.params as T;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    exited: async () => {
      await exit;
      return child.exitCode;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        await ask("shutdown").catch(() => undefined);
        await notify("exit").catch(() => undefined);
        await exit;
      }
      connection.dispose();
    },
  };
}

/** A place in a text, marked by `|`, as the protocol names it. */
export function marked(text: string): { text: string; position: { line: number; character: number } } {
  const at = text.indexOf("|");
  const before = text.slice(0, at).split("\n");
  return {
    text: text.slice(0, at) + text.slice(at + 1),
    position: { line: before.length - 1, character: before.at(-1)!.length },
  };
}
