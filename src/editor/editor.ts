/** What answers are made from. */
import type { Documents } from "./documents.js";
import type { Attributes } from "./attributes.js";
import type { Facts } from "./facts.js";
import type { SettingSources } from "./settings.js";

/** What the editor can do, as far as answers depend on it. */
export interface ClientAbilities {
  readonly markdown: boolean;
  /** Opens `laminix:` URIs by asking for their text. */
  readonly readsReports: boolean;
  readonly showsDocuments: boolean;
  readonly showsProgress: boolean;
  readonly configures: boolean;
  readonly pullsDiagnostics: boolean;
  readonly refreshesHints: boolean;
  readonly refreshesLenses: boolean;
  readonly refreshesDiagnostics: boolean;
}

/** The editor itself, as it is asked and told. */
export interface Client extends ClientAbilities {
  /** URIs of the workspace's folders. */
  readonly folders: readonly string[];
  request(method: string, params: unknown): Promise<unknown>;
  notify(method: string, params: unknown): void;
  /** Calls back when the user ends work that is shown. @returns stops listening */
  onProgressCancelled(token: string, callback: () => void): Disposable;
  /** The user has ended work that is shown. */
  cancelProgress(token: string): void;
  changeFolders(added: readonly string[], removed: readonly string[]): void;
}

export interface Editor {
  readonly client: Client;
  readonly documents: Documents;
  readonly settings: SettingSources;
  /** Of the store that the settings name now. */
  readonly facts: Facts;
  readonly attributes: Attributes;
  /** A folder for files that the editor is to show; removed with the server. */
  files(): string;
}
