/** What the extension asks the language server; docs/editors.md lists the requests. */
import type { TreeLevel } from "../../../src/editor/questions.js";
import type { ClosureDiff } from "../../../src/store/questions/diffClosures.js";
import type { Duplicate } from "../../../src/store/questions/duplicates.js";

export interface Questions {
  "laminix/store": { params: object; answer: { store: string; storeDir: string } };
  "laminix/target": { params: { path: string }; answer: { uri: string | null } };
  "laminix/tree": { params: { path: string; at?: string }; answer: TreeLevel };
  "laminix/duplicates": { params: { path: string }; answer: readonly Duplicate[] };
  "laminix/diff": { params: { before: string; after: string }; answer: ClosureDiff };
}

export interface Server {
  readonly isRunning: boolean;
  /** Starts it where it does not run. @throws {Error} with what to tell the user */
  ask<Method extends keyof Questions>(
    method: Method,
    params: Questions[Method]["params"],
  ): Promise<Questions[Method]["answer"]>;
}

/** The store's directory, without starting a server to know it. */
export async function storeDirOf(server: Server): Promise<string> {
  if (!server.isRunning) return "/nix/store";
  try {
    return (await server.ask("laminix/store", {})).storeDir;
  } catch {
    return "/nix/store"; // the daemon is away
  }
}
