/** What real daemons say, byte by byte: for daemons that break off or lie, and for the fuzzer to start from. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { loadAddon, type NativeCall, type NativeConnection } from "../../dist/store/native.js";
import type { NixRelease } from "./nixes.js";
import { startNixStore } from "./nixStore.js";
import { temporaryFolder } from "./temporary.js";

const storeDir = "/nix/store";
const path = (number: number): string => `${storeDir}/${String(number).padStart(32, "0")}-path`;
const root = path(6);

/** One of every kind, in the order of native/fuzz/conversation_fuzz.cc. */
export const questions: readonly ((native: NativeConnection) => NativeCall<unknown>)[] = [
  (native) => native.ask("isValidPath", { path: root }),
  (native) => native.ask("pathInfo", { path: root }),
  (native) => native.ask("allValidPaths", {}),
  (native) => native.ask("pathFromHashPart", { hashPart: "short" }),
  (native) => native.ask("addTempRoot", { path: root }),
  (native) => native.ask("referrers", { path: root }),
  (native) => native.ask("validDerivers", { path: root }),
  (native) => native.ask("missing", { targets: [root] }),
  (native) => native.ask("validPaths", { paths: [root], substitute: false }),
  (native) => native.ask("buildPathsWithResults", { targets: [root], mode: 0 }),
  (native) => native.ask("ensurePath", { path: root }),
  (native) => {
    const nar = native.nar(root, () => undefined);
    for (let i = 0; i < 10; i++) nar.want();
    return nar;
  },
  // Last: whatever is asked behind its first question would be answered before its second.
  (native) => native.closure(storeDir, [root]),
];

/** A small graph with everything that a path info can have, as far as a database takes it. */
const graph = [
  { number: 1, references: [] },
  { number: 2, references: [1, 2] },
  { number: 3, references: [1] },
  { number: 4, references: [2, 3, 4] },
  { number: 5, references: [] },
  { number: 6, references: [4, 5] },
];

export interface Conversation {
  /** All that the daemon said, from its greeting on. */
  readonly bytes: Buffer;
  /** How each question was settled. */
  readonly outcomes: readonly PromiseSettledResult<unknown>[];
  readonly version: string | null;
}

/** Asks a daemon the questions, one after the other, and writes down what it says. */
export async function recordConversation(nix: NixRelease): Promise<Conversation> {
  await using daemon = await startNixStore({ nix, storeDir });
  await daemon.registerPaths(
    graph.map(({ number, references }) => ({
      path: path(number),
      narHash: String(number).repeat(64),
      narSize: 1000 * number,
      references: references.map(path),
      ...(number === 6 && { deriver: `${storeDir}/${"9".repeat(32)}-path.drv` }),
    })),
  );
  await writeFile(daemon.realPath(root), "what the NAR is of");
  await using folder = await temporaryFolder("recorder");
  const said: Buffer[] = [];
  const recorder = createServer((client) => {
    const real = connect(daemon.socket);
    real.on("data", (chunk) => said.push(chunk));
    client.pipe(real).pipe(client);
  });
  recorder.listen(folder.join("socket"));
  await once(recorder, "listening");
  const native = loadAddon().connect({ socket: folder.join("socket") }, { handshakeTimeout: 60_000 });
  const { version } = await native.ready;
  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (const question of questions) outcomes.push(...(await Promise.allSettled([question(native).promise])));
  native.close();
  recorder.close();
  return { bytes: Buffer.concat(said), outcomes, version };
}
