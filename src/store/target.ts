/** Where a daemon is, and what it takes to get there. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { TemporaryFolder } from "../files/temporary.js";
import type { NativeTarget } from "./native.js";
import { withKnownHosts } from "./sshCommand.js";

export type DaemonTarget = NativeTarget & {
  /** Milliseconds for the handshake; a few seconds unless given. */
  readonly patience?: number;
  /** What a person may try where the handshake fails. */
  readonly hint?: string;
  /** For ssh: what it has to know of its host while it connects. */
  readonly knownHosts?: string | undefined;
};

/** What to start or connect to, and what of it goes once the connection stands. */
export interface ReadyTarget extends Disposable {
  readonly native: NativeTarget;
}

export function prepare(target: DaemonTarget): ReadyTarget {
  const { knownHosts } = target;
  if ("socket" in target || knownHosts === undefined) {
    return { native: target, [Symbol.dispose]: () => undefined };
  }
  const folder = new TemporaryFolder();
  const file = path.join(folder.path, "known-hosts");
  writeFileSync(file, knownHosts, { mode: 0o600 });
  return {
    native: { program: target.program, args: withKnownHosts(target, file) },
    [Symbol.dispose]: () => {
      folder[Symbol.dispose]();
    },
  };
}
