/** How a report gets onto the screen. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Editor } from "../editor.js";
import { fileUri } from "../fileUri.js";
import type { Report } from "./report.js";

/** LSP 3.18, MessageType. */
const INFO = 3;

/**
 * An editor that reads `laminix:` URIs opens it by its own; others are shown a file, or told where it is. Where the settings
 * say so, it is the command's result and no more.
 */
export async function showReport(report: Report, editor: Editor): Promise<void> {
  const { client, settings } = editor;
  if (settings.current.reports === "result") return;
  if (!client.showsDocuments) {
    const message = `${report.title}: ${await asFile(report, editor)}`;
    client.notify("window/showMessage", { type: INFO, message });
    return;
  }
  const uri = client.readsReports ? report.uri : fileUri(await asFile(report, editor));
  // The editor answers once it is shown, and perhaps only after it has this command's answer.
  client.request("window/showDocument", { uri, takeFocus: true }).catch(() => undefined);
}

async function asFile({ title, text }: Report, editor: Editor): Promise<string> {
  const file = join(editor.files(), `${title.replaceAll(/[^\w.+-]+/g, "-").slice(0, 100)}.txt`);
  await writeFile(file, text, { mode: 0o600 });
  return file;
}
