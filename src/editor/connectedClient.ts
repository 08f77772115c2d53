/** The editor at the other end of the connection. */
import type { MessageConnection } from "vscode-jsonrpc/node";
import type { Client, ClientAbilities } from "./editor.js";

export function connectedClient(
  connection: MessageConnection,
  abilities: ClientAbilities,
  folders: readonly string[],
): Client {
  const cancellable = new Map<string, () => void>();
  const client = {
    ...abilities,
    folders,
    request: (method: string, params: unknown): Promise<unknown> =>
      params === undefined ? connection.sendRequest(method) : connection.sendRequest(method, params),
    notify: (method: string, params: unknown): void => {
      // One who has gone is told nothing.
      connection.sendNotification(method, params).catch(() => undefined);
    },
    onProgressCancelled: (token: string, callback: () => void): Disposable => {
      cancellable.set(token, callback);
      return { [Symbol.dispose]: () => void cancellable.delete(token) };
    },
    cancelProgress: (token: string): void => {
      cancellable.get(token)?.();
    },
    changeFolders: (added: readonly string[], removed: readonly string[]): void => {
      client.folders = [...client.folders.filter((uri) => !removed.includes(uri)), ...added];
    },
  };
  return client;
}
