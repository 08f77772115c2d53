import { expect, test } from "vitest";
import { type ChunkEncoder, encodeChunks } from "../../dist/compress/chunks.js";

const JOBS = 4;
/** Chunks of a stream by itself: one for each thread, and half as many in advance. */
const MOST = 6;

/** Encodes when it is told to. */
class Encoder implements ChunkEncoder<ArrayBuffer> {
  readonly size = 16;
  readonly ahead = 0.5;
  readonly dictionary = 0;
  held = 0;
  readonly #begun: (() => void)[] = [];

  allocate(bytes: number): ArrayBuffer {
    this.held++;
    return new ArrayBuffer(bytes);
  }
  letGo(): void {
    this.held--;
  }
  encode({ length }: { readonly length: number }) {
    const promise = new Promise<{ length: number; crc32: number }>((resolve) => {
      this.#begun.push(() => resolve({ length, crc32: 0 }));
    });
    return { promise, cancel: () => this.finish() };
  }
  finish(): void {
    for (const end of this.#begun.splice(0)) end();
  }
}

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield await Promise.resolve(new Uint8Array(16));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("streams side by side have no more chunks than one, but for one each", async () => {
  const encoder = new Encoder();
  const streams = [1, 2, 3].map(() => encodeChunks(chunks(20), encoder, { jobs: JOBS }));
  const firsts = streams.map((stream) => stream.next());
  await turn();
  expect(encoder.held).toBe(MOST);
  encoder.finish();
  await Promise.all(firsts);
  const counts = streams.map(async (stream) => {
    let count = 1;
    for await (const _ of stream) count++;
    return count;
  });
  const state = { isOver: false };
  const all = Promise.all(counts).finally(() => (state.isOver = true));
  for (; !state.isOver; await turn()) {
    expect(encoder.held).toBeLessThanOrEqual(MOST + 2);
    encoder.finish();
  }
  expect(await all).toEqual([20, 20, 20]);
  expect(encoder.held).toBe(0);
});

test.each([
  [
    "left",
    async (stream: AsyncGenerator) => {
      await stream.return(undefined);
    },
  ],
  [
    "aborted",
    async (stream: AsyncGenerator, abort: () => void) => {
      abort();
      await expect(stream.next()).rejects.toThrow();
    },
  ],
])("a stream that is %s leaves all of its room to the next", async (_, end) => {
  const encoder = new Encoder();
  const controller = new AbortController();
  const stream = encodeChunks(chunks(20), encoder, { jobs: JOBS, signal: controller.signal });
  const first = stream.next();
  await turn();
  encoder.finish();
  await first;
  await end(stream, () => controller.abort());
  await turn();
  expect(encoder.held).toBe(0);
  const next = encodeChunks(chunks(20), encoder, { jobs: JOBS });
  void next.next();
  await turn();
  expect(encoder.held).toBe(MOST);
  encoder.finish();
  await next.return(undefined);
});
