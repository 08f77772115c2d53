/** Questions about places in texts, as tests write them. */
import { type Answers, type EditingItem, type LanguageClient, marked } from "../support/languageClient.js";

let count = 0;

/** Opens a text under a name of its own. */
export async function opened(
  client: LanguageClient,
  text: string,
  { end = ".txt", languageId = "plaintext" } = {},
): Promise<string> {
  const uri = `file:///t/${++count}${end}`;
  await client.open(uri, text, languageId);
  return uri;
}

/** Asks about the place that has a `|`. */
export async function askAt<Method extends keyof Answers>(
  client: LanguageClient,
  method: Method,
  withMark: string,
  named?: { end?: string; languageId?: string },
): Promise<Answers[Method]> {
  const { text, position } = marked(withMark);
  const uri = await opened(client, text, named);
  return client.request(method, {
    textDocument: { uri },
    position,
    range: { start: position, end: position },
    context: { diagnostics: [] },
  });
}

/** What is shown where the text has a `|`, once nothing of it is being read any more. */
export async function hoverAt(
  client: LanguageClient,
  withMark: string,
): Promise<Answers["textDocument/hover"]> {
  for (;;) {
    const shown = await askAt(client, "textDocument/hover", withMark);
    // There may be nothing at all.
    if (!(shown as typeof shown | null)?.contents.value.includes("is being read")) return shown;
  }
}

/** A path with a `|` in it. */
export const at = (path: string, behind = 40): string => `${path.slice(0, behind)}|${path.slice(behind)}`;

/** What is offered where a text has a `|`, and the lines that each would make. */
export async function complete(
  client: LanguageClient,
  withMark: string,
  named?: { end?: string; languageId?: string },
): Promise<{ items: EditingItem[]; applied: string[] }> {
  const { text, position } = marked(withMark);
  const list = await askAt(client, "textDocument/completion", withMark, named);
  const items = list === null ? [] : "items" in list ? list.items : list;
  const line = text.split("\n")[position.line]!;
  const applied = items.map(
    ({ textEdit: { range, newText } }) =>
      line.slice(0, range.start.character) + newText + line.slice(range.end.character),
  );
  return { items, applied };
}
