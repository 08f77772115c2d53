import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
// Threads are started from compiled files.
import { compress } from "../../dist/compress/compress.js";
import type { CompressOptions, Compressor } from "../../dist/compress/compressors.js";
import { ownedBytes } from "../../dist/bytes/bytes.js";
import { decompress } from "../../dist/compress/decompress.js";
import { bytesOf } from "../support/members.js";
import { joinedCrc32 } from "../../dist/compress/crc32.js";
import { arm64RootPath, node24Path, nodeArm64Path } from "../support/otherNodes.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { moduleUrl, runScript } from "../support/script.js";
import { temporaryFolder } from "../support/temporary.js";

/** Sizes of what is compressed in one go: by zlib, libdeflate and zstd. */
const ZLIB_CHUNK = 1 << 19;
const CHUNK = 1 << 20;
const FRAME = 3 << 20;

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

const packed = (
  bytes: Buffer,
  compressor: Compressor,
  options: CompressOptions & { readonly cut?: number } = {},
): Promise<Buffer> => bytesOf(compress(pieces(bytes, options.cut), compressor, options));

/** How there are compressed bytes. */
const encoders: Readonly<Record<string, { readonly compressor: Compressor; readonly encoder?: "zlib" }>> = {
  gz: { compressor: "gz" },
  "gz by zlib": { compressor: "gz", encoder: "zlib" },
  zstd: { compressor: "zstd" },
};

const PYTHON = `
import sys, zlib
decoder = zlib.decompressobj(31)
sys.stdout.buffer.write(decoder.decompress(sys.stdin.buffer.read()))
assert decoder.eof and not decoder.unused_data and not decoder.unconsumed_tail`;

const decoders: Readonly<Record<Exclude<Compressor, "none">, readonly (readonly string[])[]>> = {
  gz: [
    ["gunzip", "-c"],
    ["pigz", "-dc"],
    ["igzip", "-dc"],
    // It takes no more than one member.
    ["python3", "-c", PYTHON],
  ],
  zstd: [["zstd", "-qdc"]],
};

async function read(packed: Buffer, compressor: Compressor): Promise<Buffer[]> {
  if (compressor === "none") return [packed];
  const outputs = decoders[compressor].map(async ([program = "", ...args]) => {
    const { stdout, stderr } = await mustRun(program, args, { input: packed });
    expect(stderr).toBe("");
    return stdout;
  });
  return Promise.all(outputs);
}

describeWith(["zstd", "pigz", "igzip", "python3"], "what was compressed", () => {
  describe.each(Object.entries(encoders))("with %s", (_, { compressor, encoder }) => {
    const pack = (
      bytes: Buffer,
      options: CompressOptions & { readonly cut?: number } = {},
    ): Promise<Buffer> => packed(bytes, compressor, { encoder, ...options });

    test("is read by the programs of the world", async () => {
      // Nothing, one byte, and lengths around those of a chunk and a frame.
      for (const length of [0, 1, ZLIB_CHUNK, CHUNK - 1, CHUNK, CHUNK + 1, FRAME, 2 * FRAME, plain.length]) {
        const bytes = plain.subarray(0, length);
        const made = await pack(bytes);
        for (const output of await read(made, compressor)) expect(output.equals(bytes)).toBe(true);
      }
      expect((await pack(plain)).length).toBeLessThan(plain.length / 5);
    });

    test("is the same for any number of threads, and however it came in pieces", async () => {
      const made = await pack(plain, { jobs: 1 });
      for (const [jobs, cut] of [
        [2, 1 << 30],
        [3, 77_777],
        [2, CHUNK],
        [1, FRAME + 1],
      ] as const) {
        expect((await pack(plain, { jobs, cut: Math.min(cut, plain.length) })).equals(made)).toBe(true);
      }
      const short = plain.subarray(0, 5000);
      expect((await pack(short, { cut: 1 })).equals(await pack(short))).toBe(true);
    });

    test("of several streams at once is what it is of each alone", async () => {
      const parts = [plain, noise, plain.subarray(100)];
      const together = await Promise.all(parts.map((part) => pack(part, { jobs: 2 })));
      for (const [i, part] of parts.entries()) expect((await pack(part)).equals(together[i]!)).toBe(true);
    });

    test("has the level that was asked for", async () => {
      const sizes: number[] = [];
      for (const level of [1, 9]) {
        const made = await pack(plain, { level });
        for (const output of await read(made, compressor)) expect(output.equals(plain)).toBe(true);
        sizes.push(made.length);
      }
      expect(sizes[1]).toBeLessThan(sizes[0]!);
    });
  });

  test("with none is what it was", async () => {
    expect((await packed(plain, "none")).equals(plain)).toBe(true);
  });

  test("with gzip is one member without name and time, about as small as pigz makes it", async () => {
    const made = await packed(plain, "gz");
    // RFC 1952, 2.3: magic, deflate, no flags, no time, no extra flags, unknown operating system.
    expect(made.subarray(0, 10)).toEqual(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]));
    expect(gunzipSync(made).equals(plain)).toBe(true);
    expect(made.readUInt32LE(made.length - 4)).toBe(plain.length);
    const pigz = await mustRun("pigz", ["-6nTc"], { input: plain });
    expect(made.length).toBeLessThan(pigz.stdout.length * 1.05);
  });

  test("with gzip by zlib refers to what is in the chunk before", async () => {
    // Noise that begins anew with each chunk is half the size if, and only if, a chunk knows the one before.
    const repeated = Buffer.concat([
      plain.subarray(0, ZLIB_CHUNK - 30_000),
      noise.subarray(0, 30_000),
      noise.subarray(0, 30_000),
    ]);
    const zlib = { encoder: "zlib" } as const;
    const once = await packed(repeated.subarray(0, ZLIB_CHUNK), "gz", zlib);
    expect((await packed(repeated, "gz", zlib)).length - once.length).toBeLessThan(2000);
  });
});

describe("gzip by libdeflate", () => {
  test.each([0, 1, 3, 6, 9, 10, 12])("at level %i is what it was", async (level) => {
    // It ends in stored, in dynamic and in fixed blocks.
    for (const bytes of [
      noise.subarray(0, 200_000),
      plain.subarray(FRAME - 100_000, FRAME + 100_000),
      noise.subarray(0, 9),
    ])
      expect(gunzipSync(await packed(bytes, "gz", { level })).equals(bytes)).toBe(true);
  });

  test("is what it was, whatever that is", async () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 2000, size: "max" }),
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.nat(60_000)).map(([bytes, times]) => {
        return new Uint8Array(Buffer.alloc(times, bytes));
      }),
      fc.nat(CHUNK).map((length) => noise.subarray(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 8 }),
        fc.constantFrom(1, 4, 6, 10),
        async (parts, level) => {
          const bytes = Buffer.concat(parts);
          expect(gunzipSync(await packed(bytes, "gz", { level, cut: 50_000 })).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("is smaller than zlib's", async () => {
    const program = readFileSync(process.execPath).subarray(0, 5_000_000);
    expect((await packed(program, "gz")).length).toBeLessThan(
      (await packed(program, "gz", { encoder: "zlib" })).length,
    );
  });
});

test("checksums of parts make that of the whole", () => {
  for (const cut of [0, 1, 7, 4096, noise.length]) {
    const [first, second] = [noise.subarray(0, cut), noise.subarray(cut)];
    expect(joinedCrc32(crc32(first), crc32(second), second.length)).toBe(crc32(noise));
  }
});

describeWith(["node24", "nodeArm64", "qemu-aarch64-static"], "the bytes", () => {
  test.each(["gz", "zstd"])(
    "of %s are the same on another Node.js, and on another processor",
    async (compressor) => {
      const source = `
      import { compress } from ${JSON.stringify(moduleUrl("compress/compress.js"))};
      import { createHash } from "node:crypto";
      async function* pieces() {
        const bytes = Buffer.alloc(5_000_000, "some text, and more of it; ");
        for (let i = 0; i < bytes.length; i += 100) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
        yield bytes;
      }
      const hash = createHash("sha256");
      for await (const piece of compress(pieces(), ${JSON.stringify(compressor)})) hash.update(piece);
      console.log(hash.digest("hex"));`;
      const outputs = [];
      for (const [program = "", ...args] of [
        [process.execPath],
        [node24Path()],
        ["qemu-aarch64-static", "-L", arm64RootPath, nodeArm64Path],
      ]) {
        const { stdout } = await mustRun(program, [...args, "--input-type=module", "--eval", source]);
        outputs.push(stdout.toString());
      }
      expect(outputs[0]).toMatch(/^[0-9a-f]{64}\n$/);
      expect(new Set(outputs).size).toBe(1);
    },
  );
});

describe("an addon that is missing", () => {
  const source = (compressor: string) => `
    const { compress } = await import(${JSON.stringify(moduleUrl("compress/compress.js"))});
    async function* bytes() { yield Buffer.from("text"); }
    try { for await (const _ of compress(bytes(), ${JSON.stringify(compressor)})); }
    catch ({ code, hint }) { print({ code, hint }); }
    for await (const piece of compress(bytes(), "gz", { encoder: "zlib" })) if (piece[0] === 0x1f) print("by zlib");`;

  test.each([
    ["gz", /build.*--layer-encoder zlib.*--compress none/],
    ["zstd", /build.*--layer-encoder zlib/],
  ])("is an error for %s that names ways out", async (compressor, hint) => {
    await using folder = await temporaryFolder();
    const bare = folder.join("addon.cjs");
    writeFileSync(bare, "// As an addon that was built without them is.");
    for (const [addon, first] of [
      ["/nowhere/addon.node", /^build it/],
      [bare, /libdeflate-dev and libzstd-dev/],
    ] as const) {
      const env = { LAMINIX_ADDON: addon };
      const { stdout, stderr } = await runScript(source(compressor), { env });
      expect(stderr).toBe("");
      const [error, other] = stdout
        .toString()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown);
      expect(error).toEqual({ code: "ERR_ADDON_MISSING", hint: expect.stringMatching(hint) as string });
      expect(error).toEqual({ code: "ERR_ADDON_MISSING", hint: expect.stringMatching(first) as string });
      expect(other).toBe("by zlib");
    }
  });
});

describe.each([
  ...Object.entries(encoders),
  ["none", { compressor: "none" as const, encoder: undefined }] as const,
])("compressing with %s", (_, { compressor, encoder }) => {
  test("fails as its source does", async () => {
    const failure = new Error("the line is cut");
    for (const length of [0, 10, 3 * CHUNK + 7, plain.length]) {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* pieces(plain.subarray(0, length));
        throw failure;
      }
      await expect(bytesOf(compress(failing(), compressor, { encoder, jobs: 2 }))).rejects.toBe(failure);
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
      await expect(bytesOf(compress(stalled(), compressor, { encoder, signal }))).rejects.toBe(reason);
      await expect(bytesOf(compress(stalled(), compressor, { encoder, signal }))).rejects.toBe(reason);
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
    for await (const piece of compress(endless(), compressor, { encoder, jobs: 2 })) {
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
      for await (const _ of compress(pieces(), ${JSON.stringify(compressor)}, ${JSON.stringify({ encoder })}));
      for await (const _ of compress(pieces(), ${JSON.stringify(compressor)}, ${JSON.stringify({ encoder })})) break;
      print("done");`;
    const { stdout, stderr } = await runScript(source, { timeout: 60_000 });
    expect(stderr).toBe("");
    expect(stdout.toString()).toBe('"done"\n');
  });
});

test("threads that end for want of work are not given any more", async () => {
  const encoders = ["libdeflate", "zlib"] as const;
  const all = (): Promise<Buffer[]> =>
    Promise.all(encoders.map((encoder) => packed(noise, "gz", { encoder, jobs: 2 })));
  const made = await all();
  // They are kept for half a second.
  for (let delay = 494; delay < 508; delay++) {
    await sleep(delay);
    expect((await all()).every((each, i) => each.equals(made[i]!))).toBe(true);
  }
});

test.each(["gz", "zstd"])("memory does not grow with what is compressed with %s", async (compressor) => {
  const source = `
    const { compress } = await import(${JSON.stringify(moduleUrl("compress/compress.js"))});
    const piece = Buffer.alloc(1 << 20, "some text, and more of it; ");
    async function* pieces(count) { for (let i = 0; i < count; i++) yield piece; }
    async function peak(count) {
      let peak = 0;
      for await (const _ of compress(pieces(count), ${JSON.stringify(compressor)}, { jobs: 2 })) peak = Math.max(peak, process.memoryUsage.rss());
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
  const gz = await packed(plain, "gz");
  expect((await bytesOf(decompress(ownedBytes(once(gz)), "gzip"))).equals(plain)).toBe(true);
  const zst = await packed(plain, "zstd");
  expect((await bytesOf(decompress(ownedBytes(once(zst)), "zstd"))).equals(plain)).toBe(true);
});
