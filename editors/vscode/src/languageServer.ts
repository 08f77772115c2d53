/** The language server: found, started, told whether the workspace is trusted, started again. */
import * as vscode from "vscode";
import { LanguageClient, type Middleware } from "vscode-languageclient/node";
import { findProgram } from "./findProgram.js";
import { localFolders } from "./folders.js";
import type { Questions, Server } from "./server.js";

export class LanguageServer implements Server, vscode.Disposable {
  readonly #middleware: Middleware;
  #client: Promise<LanguageClient> | undefined;
  #running: LanguageClient | undefined;

  constructor(middleware: Middleware) {
    this.#middleware = middleware;
  }

  get isRunning(): boolean {
    return this.#running?.isRunning() ?? false;
  }

  /** @throws {Error} with what to tell the user */
  program(): string {
    const found = findProgram({
      configured: vscode.workspace.getConfiguration("laminix").get("path", ""),
      folders: localFolders(),
      trusted: vscode.workspace.isTrusted,
      searchPath: process.env["PATH"] ?? "",
    });
    if ("missing" in found) throw new Error(found.missing);
    return found.program;
  }

  async start(): Promise<void> {
    await this.#started();
  }

  async ask<Method extends keyof Questions>(
    method: Method,
    params: Questions[Method]["params"],
  ): Promise<Questions[Method]["answer"]> {
    const client = await this.#started();
    return client.sendRequest(method, params);
  }

  /** The user has decided. */
  async trusted(): Promise<void> {
    if (this.isRunning) await this.#running?.sendNotification("laminix/trusted", { trusted: true });
    else await this.start();
  }

  /** Settings have changed; the server asks which. */
  async configured(): Promise<void> {
    if (this.isRunning) {
      await this.#running?.sendNotification("workspace/didChangeConfiguration", { settings: null });
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = this.#running = undefined;
    await client?.dispose();
  }

  dispose(): void {
    void this.stop();
  }

  async #started(): Promise<LanguageClient> {
    const starting = (this.#client ??= this.#start());
    starting.catch(() => {
      if (this.#client === starting) this.#client = undefined; // asked again, it is looked for again
    });
    return starting;
  }

  async #start(): Promise<LanguageClient> {
    const command = this.program();
    const client = new LanguageClient(
      "laminix",
      "laminix",
      { command, args: ["lsp", "--stdio"] },
      {
        documentSelector: ["file", "untitled", "laminix"].map((scheme) => ({ scheme })),
        // Read each time that it is started, after a crash, too.
        initializationOptions: () => ({ trusted: vscode.workspace.isTrusted }),
        middleware: this.#middleware,
      },
    );
    await client.start();
    this.#running = client;
    return client;
  }
}
