/** Diagnostics for editors that do not ask for them: sent a while after the last change of a text. */
import type { Editor } from "./editor.js";
import type { OpenText } from "./openText.js";

/** Milliseconds. */
const REST = 200;

export class PushedDiagnostics {
  readonly #editor: Editor;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(editor: Editor) {
    this.#editor = editor;
  }

  /** Something about the text, or about what is told of it, has changed. */
  changed(text: OpenText): void {
    if (this.#editor.client.pullsDiagnostics) return;
    clearTimeout(this.#timers.get(text.uri));
    const timer = setTimeout(() => {
      this.#timers.delete(text.uri);
      void this.#send(text);
    }, REST).unref();
    this.#timers.set(text.uri, timer);
  }

  closed(uri: string): void {
    if (this.#editor.client.pullsDiagnostics) return;
    clearTimeout(this.#timers.get(uri));
    this.#timers.delete(uri);
    this.#editor.client.notify("textDocument/publishDiagnostics", { uri, diagnostics: [] });
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #send(text: OpenText): Promise<void> {
    const { uri, version, outdated } = text;
    try {
      const { diagnosticsOf } = await import("./diagnostics.js");
      const diagnostics = await diagnosticsOf(text, this.#editor, { signal: outdated });
      if (outdated.aborted) return;
      this.#editor.client.notify("textDocument/publishDiagnostics", { uri, version, diagnostics });
    } catch {
      // Nobody asked: a store that is not there is told to those who ask for something.
    }
  }
}
