/**
 * The language server: what comes from an editor is answered until one of the two goes (LSP 3.18).
 *
 * It is built on the protocol's own JSON-RPC and not on `vscode-languageserver`, which would take longer to load than the
 * whole of the rest, and twice the memory.
 */
import { Readable, Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type CancellationToken,
  createMessageConnection,
  type MessageConnection,
  type RequestMessage,
  type ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import { abortScope, onAbort } from "../abort.js";
import {
  cancelled,
  contentModified,
  errorAnswer,
  type ErrorData,
  invalidRequest,
  notInitialized,
  unknownMethod,
} from "./answerErrors.js";
import { agreedWith, serverCapabilities } from "./capabilities.js";
import { connectedClient } from "./connectedClient.js";
import { onDeath } from "./life.js";
import { objectOf } from "./parameters.js";
import { within } from "./patience.js";
import { requests } from "./requests.js";
import { Session } from "./session.js";
import { SettingSources, type Settings } from "./settings.js";

export interface EditorStreams {
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: { write(data: Uint8Array): Promise<void> };
}

export interface ServeOptions {
  readonly version: string;
  readonly settings: Partial<Settings>;
  readonly signal: AbortSignal;
}

/** Milliseconds that what is open has for its end. */
const PATIENCE = 500;

/** Milliseconds for what had come before the input ended. */
const REST = 100;

/** @returns the exit code: 0 where the editor asked for the end as the protocol wants it, else 1 */
export async function serveEditor(streams: EditorStreams, options: ServeOptions): Promise<number> {
  const server = new Server(streams, options);
  return server.run();
}

class Server {
  readonly #options: ServeOptions;
  readonly #connection: MessageConnection;
  readonly #settings: SettingSources;
  /** Aborts with the server's end. */
  readonly #end = new AbortController();
  #session: Session | undefined;
  #isShutDown = false;

  constructor({ input, output }: EditorStreams, options: ServeOptions) {
    this.#options = options;
    this.#settings = new SettingSources(options.settings);
    const writable = new Writable({
      write: (chunk: Uint8Array, _, done) => {
        output.write(chunk).then(() => {
          done();
        }, done);
      },
    });
    this.#connection = createMessageConnection(
      new StreamMessageReader(Readable.from(input, { objectMode: false })),
      new StreamMessageWriter(writable),
      undefined,
      {
        connectionStrategy: {
          cancelUndispatched: (message) => ({
            jsonrpc: "2.0",
            id: (message as RequestMessage).id,
            error: cancelled().toJson(),
          }),
        },
      },
    );
    writable.on("error", () => {
      this.#stop();
    });
  }

  async run(): Promise<number> {
    const connection = this.#connection;
    connection.onRequest((method, params, token) => this.#answer(method, params, token));
    connection.onNotification((method, params) => {
      this.#hear(method, params);
    });
    connection.onClose(() => {
      // What came before the end of the input is heard still.
      setTimeout(() => {
        this.#stop();
      }, REST);
    });
    // What is no message is nobody's.
    connection.onError(() => undefined);
    using _interruption = {
      [Symbol.dispose]: onAbort(this.#options.signal, () => {
        this.#stop();
      }),
    };
    const ended = new Promise<void>((resolve) => {
      this.#end.signal.addEventListener("abort", () => {
        resolve();
      });
    });
    connection.listen();
    await ended;
    const closing = this.#session?.[Symbol.asyncDispose]();
    if (closing) await within(closing, PATIENCE);
    connection.dispose();
    return this.#isShutDown ? 0 : 1;
  }

  #stop(): void {
    this.#end.abort(new DOMException("the server ends", "AbortError"));
  }

  async #answer(method: string, params: unknown, token: CancellationToken): Promise<unknown> {
    try {
      if (this.#isShutDown) return invalidRequest("the server has been shut down");
      if (method === "initialize") return this.#initialize(params);
      const session = this.#session;
      if (!session) return notInitialized();
      if (method === "shutdown") {
        this.#isShutDown = true;
        return null;
      }
      const answer = Object.hasOwn(requests, method) ? requests[method] : undefined;
      if (!answer) return unknownMethod(method);
      return await this.#answerIn(session, params, token, answer);
    } catch (error) {
      return errorAnswer(error);
    }
  }

  /** Given up when the editor cancels the request, changes the text that it is about, or goes. */
  async #answerIn(
    session: Session,
    params: unknown,
    token: CancellationToken,
    answer: (typeof requests)[string],
  ): Promise<unknown> {
    const request = new AbortController();
    const cancel = (): void => {
      request.abort(new DOMException("the request was cancelled", "AbortError"));
    };
    using _listening = asDisposable(token.onCancellationRequested(cancel));
    if (token.isCancellationRequested) cancel();
    const outdated = documentOf(params, session)?.outdated;
    using scope = abortScope(request.signal, outdated, this.#end.signal);
    const { signal } = scope;
    const stale = (): ResponseError<ErrorData> | undefined =>
      request.signal.aborted ? cancelled() : outdated?.aborted ? contentModified() : undefined;
    try {
      // One that is cancelled by what has come meanwhile costs no more than this.
      await nextTurn();
      signal.throwIfAborted();
      await session.ready();
      signal.throwIfAborted();
      const result = await answer(params, session, { signal });
      return stale() ?? result ?? null;
    } catch (error) {
      return stale() ?? errorAnswer(error);
    }
  }

  #initialize(params: unknown): unknown {
    if (this.#session) return invalidRequest("the server has been initialized already");
    const { capabilities, initializationOptions, processId, workspaceFolders, rootUri } = objectOf(
      params,
      "params",
    );
    const agreed = agreedWith(capabilities);
    this.#settings.initialize(initializationOptions);
    const folders = Array.isArray(workspaceFolders)
      ? workspaceFolders.flatMap((folder: unknown) => {
          const uri =
            typeof folder === "object" && folder !== null && "uri" in folder ? folder.uri : undefined;
          return typeof uri === "string" ? [uri] : [];
        })
      : typeof rootUri === "string"
        ? [rootUri]
        : [];
    const client = connectedClient(this.#connection, agreed.abilities, folders);
    this.#session = new Session(client, agreed.encoding, this.#settings);
    this.#session.openStore();
    if (Number.isInteger(processId) && (processId as number) > 0) {
      onDeath(processId as number, () => {
        this.#stop();
      });
    }
    return {
      capabilities: serverCapabilities(agreed),
      serverInfo: { name: "laminix", version: this.#options.version },
    };
  }

  #hear(method: string, params: unknown): void {
    if (method === "exit") {
      this.#stop();
      return;
    }
    const session = this.#session;
    if (!session || this.#isShutDown || !Object.hasOwn(session.notifications, method)) return;
    try {
      session.notifications[method]?.(params);
    } catch {
      // Malformed, and nobody waits for an answer.
    }
  }
}

function documentOf(params: unknown, session: Session): { readonly outdated: AbortSignal } | undefined {
  if (typeof params !== "object" || params === null || !("textDocument" in params)) return undefined;
  const { textDocument } = params;
  if (typeof textDocument !== "object" || textDocument === null || !("uri" in textDocument)) return undefined;
  return typeof textDocument.uri === "string" ? session.documents.get(textDocument.uri) : undefined;
}

function asDisposable(listening: { dispose(): void }): Disposable {
  return {
    [Symbol.dispose]: () => {
      listening.dispose();
    },
  };
}
