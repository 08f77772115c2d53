import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import {
  type BorrowedBytes,
  collect,
  copied,
  once,
  type OwnedPiece,
  ownedBytes,
  readable,
} from "../../dist/bytes/bytes.js";
import { decompress } from "../../dist/compress/decompress.js";

/** Pieces in one buffer, as most sources have them. */
async function* inOneBuffer(...texts: readonly string[]): BorrowedBytes {
  const memory = Buffer.alloc(10);
  for (const text of texts) yield await Promise.resolve(memory.subarray(0, memory.write(text)));
}

describe("borrowed bytes", () => {
  test("are copied for a stream, which reads ahead", async () => {
    const stream = readable(copied(inOneBuffer("one", "two", "three")));
    expect(await buffer(stream)).toEqual(Buffer.from("onetwothree"));
  });

  test("are copied to be collected", async () => {
    expect(String(await collect(copied(inOneBuffer("one", "two"))))).toBe("onetwo");
  });

  test("are not taken by what keeps them: this would not compile", () => {
    const bytes = inOneBuffer();
    const uses = [
      // @ts-expect-error -- a stream keeps them
      () => readable(bytes),
      // @ts-expect-error -- a list keeps them
      () => collect(bytes),
      // @ts-expect-error -- a decoder keeps them
      () => decompress(bytes, "gzip"),
    ];
    expect(uses).toHaveLength(3);
  });
});

describe("what is collected", () => {
  const ten = (): ReturnType<typeof once> => once(Buffer.alloc(10));

  test("may have as many bytes as the limit", async () => {
    expect(await collect(ten(), 10)).toHaveLength(10);
    expect(await collect(ten(), 9)).toBeUndefined();
  });

  test("is read no further than the limit", async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield await Promise.resolve(Buffer.alloc(++read && 4));
    }
    expect(await collect(ownedBytes(endless()), 10)).toBeUndefined();
    expect(read).toBe(3);
  });
});

test("a part of an owned piece is one", async () => {
  for await (const piece of once(Buffer.from("whole"))) {
    const part: OwnedPiece = piece.subarray(0, 2);
    expect(String(part)).toBe("wh");
  }
});
