/**
 * Makes the fuzzer's corpus anew: a conversation with every Nix that there is. To be run when its questions have changed:
 * `npx tsx test/support/recordCorpus.ts`.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { recordConversation } from "./conversation.js";
import { nixes } from "./nixes.js";
import { projectRoot } from "./run.js";

const corpus = path.join(projectRoot, "native/fuzz/corpus");
rmSync(corpus, { recursive: true, force: true });
mkdirSync(corpus);
for (const { release } of nixes) {
  const { bytes, version } = await recordConversation(release);
  // The first byte is the fuzzer's own: all bytes at once, nothing cancelled.
  writeFileSync(path.join(corpus, `nix-${version ?? "old"}`), Buffer.concat([Buffer.of(0), bytes]));
}
