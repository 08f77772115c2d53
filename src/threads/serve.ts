/** The other end of a `Thread`: this one, which works for another. */
import { parentPort } from "node:worker_threads";
import { type Message, type Reply, sent } from "./messages.js";

/** Does tasks one after another, in the order in which they come. Notices are heard at once. */
export function serve(
  work: (task: never, id: number, report: (report: unknown) => void) => unknown,
  onNotice?: (notice: never) => void,
): void {
  const port = parentPort;
  if (!port) throw new Error("this file runs in a worker thread only");
  let last = Promise.resolve();
  port.on("message", (message: Message<never, never>) => {
    if ("notice" in message) onNotice?.(message.notice);
    else
      last = last
        .then(() => answer(message.id, message.task))
        .then((reply) => {
          port.postMessage(reply);
        })
        .catch((error: unknown) => {
          // What cannot be cloned is told in words; the next task has its turn.
          port.postMessage({ id: message.id, error: sent(new Error(String(error))) });
        });
  });

  async function answer(id: number, task: never): Promise<Reply> {
    try {
      const report = (told: unknown): void => {
        port?.postMessage({ id, report: told });
      };
      return { id, result: await work(task, id, report) };
    } catch (error) {
      return { id, error: sent(error) };
    }
  }
}
