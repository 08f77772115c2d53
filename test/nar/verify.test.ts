import { describe, expect, test } from "vitest";
import { verifyNar } from "../../dist/nar/verify.js";
import { bytesOf } from "../support/members.js";
import { fileNar, identityOf, inPieces } from "./nars.js";

const bytes = fileNar("some text ".repeat(100));
const identity = identityOf(bytes);

/** What was passed on, and what it ended with. */
async function passedOn(
  stream: AsyncIterable<Uint8Array>,
  expected = identity,
): Promise<{ size: number; error: unknown }> {
  let size = 0;
  try {
    for await (const piece of verifyNar(stream, expected, { name: "/nix/store/x" })) size += piece.length;
    return { size, error: undefined };
  } catch (error) {
    return { size, error };
  }
}

describe("a NAR that is checked", () => {
  test("comes through untouched if it is the right one, in whatever pieces", async () => {
    for (const size of [1, 100, Infinity]) {
      expect(bytes.equals(await bytesOf(verifyNar(inPieces(bytes, size), identity)))).toBe(true);
    }
    for await (const piece of verifyNar(inPieces(bytes, 64), identity))
      expect(piece.buffer).toBe(bytes.buffer);
  });

  test("never comes through to its last byte if it is another one", async () => {
    const damaged = Buffer.from(bytes);
    damaged[200]! ^= 1;
    for (const size of [1, 100, Infinity]) {
      const { size: passed, error } = await passedOn(inPieces(damaged, size));
      expect(passed).toBeLessThan(bytes.length);
      expect(error).toMatchObject({
        code: "ERR_NAR_HASH",
        details: { path: "/nix/store/x", narHash: identity.narHash, actualHash: identityOf(damaged).narHash },
      });
    }
  });

  test("is refused if it is too short or too long, however it goes on", async () => {
    for (const end of [0, 1, bytes.length - 8, bytes.length - 1]) {
      const { error } = await passedOn(inPieces(bytes.subarray(0, end), 100));
      expect(error).toMatchObject({
        code: "ERR_NAR_HASH",
        details: { narSize: bytes.length, actualSize: end },
      });
    }
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) yield bytes;
    }
    expect(await passedOn(endless())).toMatchObject({ error: { code: "ERR_NAR_HASH" } });
  });

  test("is refused if only its size is said wrongly", async () => {
    for (const narSize of [0, bytes.length - 1, bytes.length + 1, Number.MAX_SAFE_INTEGER]) {
      const { error } = await passedOn(inPieces(bytes, 100), { ...identity, narSize });
      expect(error).toMatchObject({ code: "ERR_NAR_HASH" });
    }
    const empty = identityOf(Buffer.alloc(0));
    expect(await passedOn(inPieces(Buffer.alloc(0), 1), empty)).toEqual({ size: 0, error: undefined });
    expect(await passedOn(inPieces(Buffer.alloc(0), 1), { ...identity, narSize: 0 })).toMatchObject({
      error: { code: "ERR_NAR_HASH" },
    });
  });

  test("is stopped by its signal, though the stream never answers", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    async function* stream(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, 10);
      setImmediate(() => controller.abort(reason));
      await new Promise(() => undefined);
    }
    await expect(bytesOf(verifyNar(stream(), identity, { signal: controller.signal }))).rejects.toBe(reason);
  });

  test("refuses arguments that are none, by their names", () => {
    const stream = inPieces(bytes, 1);
    const sha256 = identity.narHash;
    for (const [call, argument] of [
      [() => verifyNar({} as never, identity), "stream"],
      [() => verifyNar(stream, null as never), "identity"],
      [() => verifyNar(stream, { narSize: 1 } as never), "identity.narHash"],
      [() => verifyNar(stream, { narHash: `sha256:${"0".repeat(64)}`, narSize: 1 }), "identity.narHash"],
      [() => verifyNar(stream, { narHash: sha256, narSize: -1 }), "identity.narSize"],
      [() => verifyNar(stream, identity, { name: 1 as never }), "options.name"],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }));
    }
  });
});
