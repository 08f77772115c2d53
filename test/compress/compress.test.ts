import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
// Threads are started from compiled files.
import { compress } from "../../dist/compress/compress.js";
import { type CompressOptions, type Compressor, COMPRESSORS } from "../../dist/compress/compressors.js";
import { ownedBytes } from "../../dist/bytes/bytes.js";
import { decompress } from "../../dist/compress/decompress.js";
import { bytesOf } from "../support/members.js";
import { node24Path } from "../support/otherNodes.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { moduleUrl, runScript } from "../support/script.js";

/** Sizes of what is compressed in one go, by either encoder. */
const CHUNK = 1 << 19;
const FRAME = 1 << 22;

const noise = new Random(3).bytes(CHUNK + 12_345);
/** Several chunks and frames and a bit, of text, noise, and noise again that only a dictionary finds. */
const plain = Buffer.concat([
  Buffer.alloc(FRAME - 1000, "some text, and more of it; "),
  noise,
  Buffer.alloc(CHUNK),
  noise.subarray(-50_000),
  noise.subarray(-50_000),
  Buffer.alloc(FRAME, "0123456789"),
]);

/** In one buffer that is filled again for each piece, as layers' are. */
async function* pieces(bytes: Buffer, size = 65_536): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(buffer, 0, at, at + size);
    yield buffer.subarray(0, length);
  }
}

const pack = (
  bytes: Buffer,
  compressor: Compressor,
  options: CompressOptions & { readonly cut?: number } = {},
): Promise<Buffer> => bytesOf(compress(pieces(bytes, options.cut), compressor, options));

const decoders: Readonly<Record<Exclude<Compressor, "none">, readonly (readonly string[])[]>> = {
  gz: [
    ["gunzip", "-c"],
    ["pigz", "-dc"],
    ["python3", "-c", "import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.stdin.buffer).read())"],
  ],
  zstd: [["zstd", "-qdc"]],
};
const compressing = COMPRESSORS.filter((each) => each !== "none");

async function read(packed: Buffer, compressor: keyof typeof decoders): Promise<Buffer[]> {
  const outputs = decoders[compressor].map(async ([program = "", ...args]) => {
    const { stdout, stderr } = await mustRun(program, args, { input: packed });
    expect(stderr).toBe("");
    return stdout;
  });
  return Promise.all(outputs);
}

describeWith(["zstd", "pigz", "python3"], "what was compressed", () => {
  describe.each(compressing)("with %s", (compressor) => {
    test("is read by the programs of the world", async () => {
      // Nothing, one byte, and lengths around those of a chunk and a frame.
      for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, FRAME, 2 * FRAME, plain.length]) {
        const bytes = plain.subarray(0, length);
        const packed = await pack(bytes, compressor);
        for (const output of await read(packed, compressor)) expect(output.equals(bytes)).toBe(true);
      }
      expect((await pack(plain, compressor)).length).toBeLessThan(plain.length / 5);
    });

    test("is the same for any number of threads, and however it came in pieces", async () => {
      const packed = await pack(plain, compressor, { jobs: 1 });
      for (const [jobs, cut] of [
        [2, 1 << 30],
        [3, 77_777],
        [2, CHUNK],
        [1, FRAME + 1],
      ] as const) {
        expect(
          (await pack(plain, compressor, { jobs, cut: Math.min(cut, plain.length) })).equals(packed),
        ).toBe(true);
      }
      const short = plain.subarray(0, 5000);
      expect((await pack(short, compressor, { cut: 1 })).equals(await pack(short, compressor))).toBe(true);
    });

    test("of several streams at once is what it is of each alone", async () => {
      const parts = [plain, noise, plain.subarray(100)];
      const together = await Promise.all(parts.map((part) => pack(part, compressor, { jobs: 2 })));
      for (const [i, part] of parts.entries())
        expect((await pack(part, compressor)).equals(together[i]!)).toBe(true);
    });

    test("has the level that was asked for", async () => {
      const sizes: number[] = [];
      for (const level of [1, 9]) {
        const packed = await pack(plain, compressor, { level });
        for (const output of await read(packed, compressor)) expect(output.equals(plain)).toBe(true);
        sizes.push(packed.length);
      }
      expect(sizes[1]).toBeLessThan(sizes[0]!);
    });
  });

  test("with none is what it was", async () => {
    expect((await pack(plain, "none")).equals(plain)).toBe(true);
  });

  test("with gzip is one member without name and time, about as small as pigz makes it", async () => {
    const packed = await pack(plain, "gz");
    // RFC 1952, 2.3: magic, deflate, no flags, no time, no extra flags, unknown operating system.
    expect(packed.subarray(0, 10)).toEqual(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]));
    expect(gunzipSync(packed).equals(plain)).toBe(true);
    expect(packed.readUInt32LE(packed.length - 4)).toBe(plain.length);
    const pigz = await mustRun("pigz", ["-6nTc"], { input: plain });
    expect(packed.length).toBeLessThan(pigz.stdout.length * 1.05);
  });

  test("with gzip refers to what is in the chunk before", async () => {
    // Noise that begins anew with each chunk is half the size if, and only if, a chunk knows the one before.
    const repeated = Buffer.concat([
      plain.subarray(0, CHUNK - 30_000),
      noise.subarray(0, 30_000),
      noise.subarray(0, 30_000),
    ]);
    const once = await pack(repeated.subarray(0, CHUNK), "gz");
    expect((await pack(repeated, "gz")).length - once.length).toBeLessThan(2000);
  });
});

describeWith(["zstd", "node24"], "zstd", () => {
  // One of the two runs the tests.
  test.each([
    ["by Node", [node24Path()]],
    ["by the program", [process.execPath]],
  ])("%s is the same for any number of threads and is read by zstd", async (_, [node = ""]) => {
    const source = `
      import { compress } from ${JSON.stringify(moduleUrl("compress/compress.js"))};
      const [jobs, cut] = process.argv.slice(-2).map(Number);
      async function* pieces() {
        const bytes = Buffer.alloc(9_000_000, "some text, and more of it; ");
        for (let i = 0; i < bytes.length; i += 100) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
        for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
      }
      for await (const piece of compress(pieces(), "zstd", { jobs })) process.stdout.write(Buffer.from(piece));`;
    const outputs = [];
    for (const args of [
      ["1", "9000000"],
      ["2", "65536"],
      ["5", "1000001"],
    ]) {
      const { stdout } = await mustRun(node, ["--input-type=module", "--eval", source, ...args]);
      outputs.push(stdout);
    }
    for (const output of outputs) expect(output.equals(outputs[0]!)).toBe(true);
    const [output] = await read(outputs[0]!, "zstd");
    expect(output).toHaveLength(9_000_000);
    expect(output!.subarray(4, 30).toString()).toBe(" text, and more of it; so".padEnd(26, "m"));
  });

  test("that neither Node nor a program has is an error that names ways out", async () => {
    const source = `
      // As in a Node that never had it.
      const { default: zlib } = await import("node:zlib");
      delete zlib.zstdCompressSync;
      (await import("node:module")).syncBuiltinESMExports();
      const { compress } = await import(${JSON.stringify(moduleUrl("compress/compress.js"))});
      async function* bytes() { yield Buffer.from("text"); }
      try { for await (const _ of compress(bytes(), "zstd")); }
      catch ({ code, hint }) { print({ code, hint }); }`;
    const { stdout, stderr } = await runScript(source, { env: { PATH: "/nonexistent" } });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout.toString())).toEqual({
      code: "ERR_UNSUPPORTED",
      hint: expect.stringMatching(/install zstd .* Node 22\.15 .* gz/),
    });
  });
});

describe.each(COMPRESSORS)("compressing with %s", (compressor) => {
  test("fails as its source does", async () => {
    const failure = new Error("the line is cut");
    for (const length of [0, 10, 3 * CHUNK + 7, plain.length]) {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* pieces(plain.subarray(0, length));
        throw failure;
      }
      await expect(bytesOf(compress(failing(), compressor, { jobs: 2 }))).rejects.toBe(failure);
    }
  });

  test("stops with the signal's reason, also while the source says nothing", async () => {
    for (const length of [1, plain.length]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      async function* stalled(): AsyncGenerator<Uint8Array> {
        yield* pieces(plain.subarray(0, length));
        setTimeout(() => controller.abort(reason), 5);
        await new Promise(() => undefined);
      }
      const { signal } = controller;
      await expect(bytesOf(compress(stalled(), compressor, { signal }))).rejects.toBe(reason);
      await expect(bytesOf(compress(stalled(), compressor, { signal }))).rejects.toBe(reason);
    }
  });

  test("does not read on while nobody takes what it made, and lets go of a source that is not wanted", async () => {
    let given = 0;
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          for await (const piece of pieces(plain)) {
            given += piece.length;
            yield piece;
          }
        }
      } finally {
        ended = true;
      }
    }
    for await (const piece of compress(endless(), compressor, { jobs: 2 })) {
      expect(piece.length).toBeGreaterThan(0);
      // Until it stands still, which it never would if it read on.
      for (let before = -1; before !== given; await sleep(100)) before = given;
      break;
    }
    await vi.waitFor(() => expect(ended).toBe(true), 60_000);
  });

  test("keeps no process alive, neither at its end nor when it is left in the middle", async () => {
    const source = `
      const { compress } = await import(${JSON.stringify(moduleUrl("compress/compress.js"))});
      const bytes = Buffer.alloc(20_000_000, "text");
      async function* pieces() { for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000); }
      for await (const _ of compress(pieces(), ${JSON.stringify(compressor)}));
      for await (const _ of compress(pieces(), ${JSON.stringify(compressor)})) break;
      print("done");`;
    const { stdout, stderr } = await runScript(source, { timeout: 60_000 });
    expect(stderr).toBe("");
    expect(stdout.toString()).toBe('"done"\n');
  });
});

test("threads that end for want of work are not given any more", async () => {
  const packed = await pack(noise, "gz");
  // They are kept for half a second.
  for (let delay = 494; delay < 508; delay++) {
    await sleep(delay);
    expect((await pack(noise, "gz", { jobs: 2 })).equals(packed)).toBe(true);
  }
});

test("memory does not grow with what is compressed", async () => {
  const source = `
    const { compress } = await import(${JSON.stringify(moduleUrl("compress/compress.js"))});
    const piece = Buffer.alloc(1 << 20, "some text, and more of it; ");
    async function* pieces(count) { for (let i = 0; i < count; i++) yield piece; }
    async function peak(count) {
      let peak = 0;
      for await (const _ of compress(pieces(count), "gz", { jobs: 2 })) peak = Math.max(peak, process.memoryUsage.rss());
      return peak;
    }
    const few = await peak(60);
    print((await peak(600)) - few);`;
  const { stdout } = await runScript(source);
  expect(Number(stdout.toString())).toBeLessThan(100 << 20);
});

test("what was compressed is read back by our own decoder", async () => {
  async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const gz = await pack(plain, "gz");
  expect((await bytesOf(decompress(ownedBytes(once(gz)), "gzip"))).equals(plain)).toBe(true);
  const zst = await pack(plain, "zstd");
  expect((await bytesOf(decompress(ownedBytes(once(zst)), "zstd"))).equals(plain)).toBe(true);
});
