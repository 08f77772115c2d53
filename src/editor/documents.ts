/** The texts that are open in the editor. */
import type {
  DidChangeTextDocumentParams,
  DidCloseTextDocumentParams,
  DidOpenTextDocumentParams,
} from "vscode-languageserver-protocol";
import { LaminixError, named } from "../errors.js";
import { OpenText } from "./openText.js";
import type { PositionEncoding } from "./positions.js";

export class Documents {
  readonly #encoding: PositionEncoding;
  readonly #open = new Map<string, OpenText>();

  constructor(encoding: PositionEncoding) {
    this.#encoding = encoding;
  }

  open({ textDocument }: DidOpenTextDocumentParams): OpenText {
    this.#open.get(textDocument.uri)?.outdate();
    const text = new OpenText(textDocument, this.#encoding);
    this.#open.set(textDocument.uri, text);
    return text;
  }

  change({ textDocument, contentChanges }: DidChangeTextDocumentParams): OpenText | undefined {
    const text = this.#open.get(textDocument.uri);
    text?.change(contentChanges, textDocument.version);
    return text;
  }

  close({ textDocument }: DidCloseTextDocumentParams): void {
    this.#open.get(textDocument.uri)?.outdate();
    this.#open.delete(textDocument.uri);
  }

  get(uri: string): OpenText | undefined {
    return this.#open.get(uri);
  }

  all(): Iterable<OpenText> {
    return this.#open.values();
  }

  /** @throws {LaminixError} ERR_ARGUMENT where it is not open */
  require(uri: string): OpenText {
    const text = this.#open.get(uri);
    if (text) return text;
    throw new LaminixError("ERR_ARGUMENT", `${named(uri)} is not open`, {
      details: { uri },
      hint: "the editor opens a text with textDocument/didOpen before it asks about it",
    });
  }
}
