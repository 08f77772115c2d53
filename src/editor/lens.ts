/** What an image spec comes to, above it. */
import type { CodeLens, Command } from "vscode-languageserver-protocol";
import { bytes, counted } from "../format.js";
import { abortScope } from "../abort.js";
import { LaminixError } from "../errors.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { objectOf, stringIn, uriOf } from "./parameters.js";
import { specDocument } from "./spec/specDocument.js";
import { specLayers } from "./spec/specLayers.js";

/** Planned when they are seen. Images are built and loaded in a workspace that is trusted, and nowhere else. */
export function codeLenses(params: unknown, editor: Editor): CodeLens[] {
  const text = editor.documents.require(uriOf(params));
  const { codeLens, trusted } = editor.settings.current;
  const document = codeLens ? specDocument(text, editor) : undefined;
  if (document?.tree.root.kind !== "object") return [];
  const { uri } = text;
  const { start } = document.tree.root;
  const range = text.rangeOf(start, start + 1);
  const build: Command = { title: "build", command: "laminix.build", arguments: [uri] };
  const load: Command = { title: "load", command: "laminix.load", arguments: [uri] };
  return [{ range, data: { uri } }, ...(trusted ? [build, load].map((command) => ({ range, command })) : [])];
}

export async function resolveLens(params: unknown, editor: Editor, asking: Asking): Promise<CodeLens> {
  const lens = objectOf(params, "params") as unknown as CodeLens;
  if (lens.command) return lens;
  const uri = stringIn(lens.data, "uri", "params.data");
  const title = await titleOf(uri, editor, asking);
  return { range: lens.range, command: { title, command: "laminix.layers", arguments: [uri] } };
}

async function titleOf(uri: string, editor: Editor, asking: Asking): Promise<string> {
  const text = editor.documents.require(uri);
  const document = specDocument(text, editor);
  if (!document) return "no image spec any more";
  if (document.tree.faults.length > 0) return "layers: the spec is not JSON yet";
  // The text changes with each letter: only the last plan is wanted.
  using scope = abortScope(asking.signal, text.outdated);
  try {
    const planned = await specLayers(document, editor.facts, { signal: scope.signal });
    const { layers, paths, narSize, efficiency } = planned;
    return `${counted(layers.length, "layer")}, ${bytes(narSize)}, ${counted(paths, "path")}, efficiency ${efficiency.toFixed(2)}`;
  } catch (error) {
    scope.signal.throwIfAborted();
    // The diagnostics have it where it is.
    if (error instanceof LaminixError) return `layers: ${error.message}`;
    throw error;
  }
}
