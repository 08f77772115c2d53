/**
 * Conversations with real daemons, said again by one that breaks off, lies or falls silent at any place. Whatever it
 * does, every question is settled: with what the real daemon answered, or with a code.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadAddon, type NativeConnection } from "../../dist/store/native.js";
import { type Conversation, questions, recordConversation } from "../support/conversation.js";
import { FakeDaemon, wire } from "../support/fakeDaemon.js";
import { nixes } from "../support/nixes.js";
import { repetitions } from "../support/repetitions.js";
import { describeWith } from "../support/requirements.js";

const codes = ["ERR_DAEMON", "ERR_DAEMON_PROTOCOL", "ERR_DAEMON_DISCONNECTED", "ERR_PATH_NOT_VALID"];

type Outcome = PromiseSettledResult<unknown>;
const codeOf = (outcome: Outcome): unknown =>
  outcome.status === "rejected" ? (outcome.reason as { code?: unknown }).code : undefined;

/** One byte in so many is tried; a number that eight is no multiple of, so that every place in a word is. */
const STEP = repetitions(3, 1);

/** The positions of the protocol's words: all is made of eight bytes. */
const words = (bytes: Buffer): number[] => Array.from({ length: bytes.length / 8 }, (_, word) => 8 * word);

for (const { release, name, needs } of nixes) {
  describeWith([...needs, "linux"], `a daemon that talks like that of ${name}`, () => {
    let real: Conversation;
    let fake: FakeDaemon;
    /** What it says to the next client, and whether it hangs up then. */
    let says: { readonly bytes: Buffer; readonly then: "end" | "silence" };
    beforeAll(async () => {
      real = await recordConversation(release);
      fake = await FakeDaemon.listen(async (peer) => {
        peer.send(says.bytes);
        if (says.then === "end") peer.end();
        await peer.bytes(Infinity);
      });
    });
    afterAll(async () => {
      await fake.close();
      expect(fake.errors).toEqual([]);
    });

    function connect(): NativeConnection {
      const native = loadAddon().connect({ socket: fake.socket }, { handshakeTimeout: 60_000 });
      native.ready.catch(() => undefined); // the questions tell
      return native;
    }

    /** Asks everything at once of a daemon that says this and hangs up. */
    async function outcomesOf(...parts: Buffer[]): Promise<Outcome[]> {
      says = { bytes: Buffer.concat(parts), then: "end" };
      const native = connect();
      const outcomes = await Promise.allSettled(questions.map((question) => question(native).promise));
      native.close();
      return outcomes;
    }

    /** How many questions were answered as the real daemon does; none behind those may have been answered at all. */
    function answered(outcomes: readonly Outcome[], place: string): number {
      const differs = outcomes.findIndex((outcome, i) => !isDeepStrictEqual(outcome, real.outcomes[i]));
      const count = differs < 0 ? outcomes.length : differs;
      for (const outcome of outcomes.slice(count)) expect(codes, place).toContain(codeOf(outcome));
      return count;
    }

    test("is understood", async () => {
      expect(await outcomesOf(real.bytes)).toEqual(real.outcomes);
      expect(real.outcomes.map(codeOf).filter(Boolean)).toEqual(["ERR_DAEMON"]);
    });

    test("and breaks off after any byte, has answered what came whole, and nothing else", async () => {
      let before = 0;
      for (let length = 0; length < real.bytes.length; length += STEP) {
        const outcomes = await outcomesOf(real.bytes.subarray(0, length));
        const count = answered(outcomes, `after ${length} bytes`);
        expect(count).toBeGreaterThanOrEqual(before);
        const lost = outcomes.slice(count).map(codeOf);
        expect(new Set(lost)).toEqual(new Set(["ERR_DAEMON_DISCONNECTED"]));
        before = count;
      }
      expect(before).toBe(questions.length - 1);
    });

    test("and has an error in place of any answer, has answered what came before", async () => {
      const answers = words(real.bytes).filter((at) => real.bytes.subarray(at, at + 8).equals(wire.last()));
      expect(answers.length).toBeGreaterThan(questions.length);
      for (const at of answers) {
        const outcomes = await outcomesOf(real.bytes.subarray(0, at), wire.error("error: no more"));
        const [failed, ...behind] = outcomes.slice(answered(outcomes, `at ${at}`)).map(codeOf);
        expect(failed, `at ${at}`).toBe("ERR_DAEMON");
        for (const code of behind) expect(["ERR_DAEMON", "ERR_DAEMON_DISCONNECTED"]).toContain(code);
      }
    });

    test("and says any word wrong, gets every question settled, at no great cost", async () => {
      const before = process.memoryUsage.rss();
      for (const at of words(real.bytes)) {
        for (const word of [0n, 1n << 20n, 1n << 40n, (1n << 64n) - 1n]) {
          const [head, tail] = [real.bytes.subarray(0, at), real.bytes.subarray(at + 8)];
          for (const outcome of await outcomesOf(head, wire.number(word), tail)) {
            if (outcome.status === "rejected") expect(codes, `${word} at ${at}`).toContain(codeOf(outcome));
          }
        }
      }
      expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
    });

    test("and says any byte wrong, gets every question settled", async () => {
      for (let at = 0; at < real.bytes.length; at += STEP) {
        const bytes = Buffer.from(real.bytes);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
        for (const outcome of await outcomesOf(bytes)) {
          if (outcome.status === "rejected") expect(codes, `at ${at}`).toContain(codeOf(outcome));
        }
      }
    });

    test("and falls silent after any word, is given up when its user gives up", async () => {
      for (const at of words(real.bytes)) {
        says = { bytes: real.bytes.subarray(0, at), then: "silence" };
        const native = connect();
        const calls = questions.map((question) => question(native));
        const settled = Promise.allSettled(calls.map((call) => call.promise));
        await nextTurn();
        await nextTurn();
        if (at % 16 === 0) native.close();
        else for (const call of calls) call.cancel();
        const outcomes = await settled;
        native.close();
        const count = outcomes.findIndex((outcome, i) => !isDeepStrictEqual(outcome, real.outcomes[i]));
        const given = at % 16 === 0 ? "ERR_DAEMON_DISCONNECTED" : "ERR_CANCELLED";
        expect(new Set(outcomes.slice(count).map(codeOf)), `at ${at}`).toEqual(new Set([given]));
      }
    });
  });
}
