/** One editor that is served: its texts, its settings, and the store that they name. */
import { TemporaryFolder } from "../files/temporary.js";
import { Attributes } from "./attributes.js";
import { Documents } from "./documents.js";
import type { Client, Editor } from "./editor.js";
import { Facts } from "./facts.js";
import { objectOf, rangeOf, stringIn, uriOf } from "./parameters.js";
import { within } from "./patience.js";
import type { PositionEncoding } from "./positions.js";
import { PushedDiagnostics } from "./pushedDiagnostics.js";
import type { SettingSources } from "./settings.js";
import type { TextDocumentContentChangeEvent } from "vscode-languageserver-protocol";

/** Milliseconds that an editor has to tell its settings before questions are answered without them. */
const PATIENCE = 1000;

export class Session implements Editor, AsyncDisposable {
  readonly client: Client;
  readonly documents: Documents;
  readonly settings: SettingSources;
  readonly attributes: Attributes;
  readonly #diagnostics: PushedDiagnostics;
  #facts: Facts | undefined;
  #configured: Promise<void> | undefined;
  #folder: TemporaryFolder | undefined;

  constructor(client: Client, encoding: PositionEncoding, settings: SettingSources) {
    this.client = client;
    this.documents = new Documents(encoding);
    this.settings = settings;
    this.attributes = new Attributes(settings);
    this.#diagnostics = new PushedDiagnostics(this);
  }

  get facts(): Facts {
    const { store } = this.settings.current;
    if (this.#facts?.url === store) return this.#facts;
    void this.#facts?.[Symbol.asyncDispose]();
    this.#facts = new Facts(store, {
      onClosure: () => {
        if (this.client.refreshesHints) this.#refresh("workspace/inlayHint/refresh");
      },
      onValidity: () => {
        this.#renew();
      },
    });
    return this.#facts;
  }

  /** The first question is to be answered soon. */
  openStore(): void {
    void this.facts.store;
  }

  files(): string {
    return (this.#folder ??= new TemporaryFolder()).path;
  }

  /** Settles when the editor has told its settings, or does not. */
  async ready(): Promise<void> {
    if (this.#configured) await within(this.#configured, PATIENCE);
  }

  /** Asks the editor for its settings. @param told what it told unasked, where it cannot be asked */
  configure(told?: unknown): void {
    if (!this.client.configures) {
      if (told !== undefined) this.settings.pull(told);
      this.#renew();
      return;
    }
    const asked = this.client.request("workspace/configuration", { items: [{ section: "laminix" }] });
    this.#configured = asked.then(
      (answers) => {
        this.settings.pull(Array.isArray(answers) ? answers[0] : undefined);
        this.#renew();
      },
      () => undefined, // it has none
    );
  }

  /** What an editor tells, by its name in the protocol. */
  readonly notifications: Readonly<Record<string, (params: unknown) => void>> = {
    initialized: () => {
      this.configure();
    },
    "workspace/didChangeConfiguration": (params) => {
      const { settings } = objectOf(params, "params");
      this.configure(
        typeof settings === "object" && settings !== null
          ? objectOf(settings, "settings").laminix
          : undefined,
      );
    },
    "workspace/didChangeWorkspaceFolders": (params) => {
      const { added = [], removed = [] } = objectOf(objectOf(params, "params").event, "params.event");
      this.client.changeFolders(urisIn(added), urisIn(removed));
    },
    "laminix/trusted": (params) => {
      const { trusted } = objectOf(params, "params");
      this.settings.trust(trusted === true);
      this.#renew();
    },
    "textDocument/didOpen": (params) => {
      const textDocument = objectOf(objectOf(params, "params").textDocument, "params.textDocument");
      const text = this.documents.open({
        textDocument: {
          uri: stringIn(textDocument, "uri", "params.textDocument"),
          languageId: typeof textDocument.languageId === "string" ? textDocument.languageId : "",
          version: versionIn(textDocument),
          text: stringIn(textDocument, "text", "params.textDocument"),
        },
      });
      this.#diagnostics.changed(text);
    },
    "textDocument/didChange": (params) => {
      const { textDocument, contentChanges } = objectOf(params, "params");
      const version = versionIn(objectOf(textDocument, "params.textDocument"));
      const changes = (Array.isArray(contentChanges) ? contentChanges : []).map(changeIn);
      const text = this.documents.change({
        textDocument: { uri: uriOf(params), version },
        contentChanges: changes,
      });
      if (text) this.#diagnostics.changed(text);
    },
    // A store on another machine does not tell that it has changed.
    "textDocument/didSave": () => {
      void this.#facts?.checkValidity();
    },
    "textDocument/didClose": (params) => {
      const uri = uriOf(params);
      this.documents.close({ textDocument: { uri } });
      this.#diagnostics.closed(uri);
    },
    "window/workDoneProgress/cancel": (params) => {
      this.client.cancelProgress(String(objectOf(params, "params").token));
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const text of this.documents.all()) text.outdate();
    this.#diagnostics.close();
    await Promise.allSettled([this.attributes[Symbol.asyncDispose](), this.#facts?.[Symbol.asyncDispose]()]);
    this.#folder?.[Symbol.dispose]();
  }

  /** Answers of before may be others now. */
  #renew(): void {
    const { client } = this;
    if (client.refreshesHints) this.#refresh("workspace/inlayHint/refresh");
    if (client.refreshesLenses) this.#refresh("workspace/codeLens/refresh");
    if (client.pullsDiagnostics && client.refreshesDiagnostics) this.#refresh("workspace/diagnostic/refresh");
    for (const text of this.documents.all()) this.#diagnostics.changed(text);
    this.openStore();
  }

  #refresh(method: string): void {
    this.client.request(method, undefined).catch(() => undefined);
  }
}

function versionIn({ version }: Readonly<Record<string, unknown>>): number {
  return typeof version === "number" ? version : 0;
}

function changeIn(change: unknown): TextDocumentContentChangeEvent {
  const text = stringIn(change, "text", "change");
  const { range } = objectOf(change, "change");
  return range === undefined || range === null
    ? { text }
    : { range: rangeOf(change, "range", "change"), text };
}

function urisIn(folders: unknown): string[] {
  return (Array.isArray(folders) ? folders : []).flatMap((folder: unknown) => {
    const { uri } = objectOf(folder, "folder");
    return typeof uri === "string" ? [uri] : [];
  });
}
