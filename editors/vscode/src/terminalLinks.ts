/** Store paths in the terminal, as links. */
import type * as vscode from "vscode";
import { findStorePaths } from "../../../src/store/findStorePaths.js";
import { openTarget } from "./openTarget.js";
import { type Server, storeDirOf } from "./server.js";
import { tellFailure } from "./tellFailure.js";

export interface StoreLink {
  readonly startIndex: number;
  readonly length: number;
  readonly tooltip: string;
  readonly path: string;
  /** Where a message of Nix points to: `…/default.nix:12:3`, counted from 1. */
  readonly place: { readonly line: number; readonly column: number } | undefined;
}

export class StoreLinks implements vscode.TerminalLinkProvider<StoreLink> {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  async provideTerminalLinks({ line }: vscode.TerminalLinkContext): Promise<StoreLink[]> {
    // A terminal has many lines, and few of them name a store path: only for those is the server asked.
    if (!/[0-9a-df-np-sv-z]{32}-/.test(line)) return [];
    const storeDir = await storeDirOf(this.#server);
    return findStorePaths(line, { storeDir }).map(({ start, end, path, inside }) => {
      const [behind = "", row, column = "1"] =
        (inside !== "" && /^:(\d{1,9})(?::(\d{1,9}))?/.exec(line.slice(end))) || [];
      return {
        startIndex: start,
        length: end - start + behind.length,
        tooltip: inside === "" ? "Open the store path" : "Open the file in the store",
        path: inside === "" ? path : `${path}/${inside}`,
        place: row === undefined ? undefined : { line: Number(row), column: Number(column) },
      };
    });
  }

  async handleTerminalLink({ path, place }: StoreLink): Promise<void> {
    await tellFailure(() => openTarget(this.#server, path, place));
  }
}
