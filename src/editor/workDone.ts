/** Work that takes a while, shown by the editor, and ended there (LSP 3.18, "Work Done Progress"). */
import { abortScope } from "../abort.js";
import type { OnProgress } from "../progress.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";

let count = 0;

export async function workDone<T>(
  title: string,
  { client }: Editor,
  asking: Asking,
  work: (signal: AbortSignal, onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  using scope = abortScope(asking.signal);
  if (!client.showsProgress) return await work(scope.signal, () => undefined);
  const token = `laminix-${String(++count)}`;
  await client.request("window/workDoneProgress/create", { token });
  const tell = (value: object): void => {
    client.notify("$/progress", { token, value });
  };
  using _ending = client.onProgressCancelled(token, () => {
    scope.abort(new DOMException("cancelled in the editor", "AbortError"));
  });
  tell({ kind: "begin", title, cancellable: true, percentage: 0 });
  try {
    return await work(scope.signal, (event) => {
      if (event.type !== "layer") return;
      const percentage = Math.round((100 * event.index) / event.count);
      tell({ kind: "report", message: `layer ${event.index + 1} of ${event.count}`, percentage });
    });
  } finally {
    tell({ kind: "end" });
  }
}
