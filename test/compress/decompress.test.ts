import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ownedBytes } from "../../dist/bytes/bytes.js";
import { decompress } from "../../dist/compress/decompress.js";
import { type Compression, COMPRESSIONS } from "../../dist/compress/compressions.js";
import { bytesOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { runScript } from "../support/script.js";

/** Half of it compresses well, half of it not at all, and it is larger than any buffer on the way. */
const plain = Buffer.concat([Buffer.alloc(1 << 20, "some text "), new Random(1).bytes(1 << 20)]);

async function pack(compression: Compression, bytes: Buffer): Promise<Buffer> {
  switch (compression) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes);
    case "br":
      return brotliCompressSync(bytes);
    default:
      return (await mustRun(compression, ["-c"], { input: bytes })).stdout;
  }
}

async function* pieces(bytes: Buffer, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield Promise.resolve(bytes.subarray(at, at + size));
}

const unpack = (bytes: Buffer, compression: Compression, size?: number): Promise<Buffer> =>
  bytesOf(decompress(ownedBytes(pieces(bytes, size)), compression));

/** Processes that this one has started and that are still there. */
function children(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ");
      return fields[1] === String(process.pid) && fields[0] !== "Z";
    } catch {
      return false;
    }
  });
}

async function expectNoChild(before: readonly string[]): Promise<void> {
  // A killed child is gone soon, not at once.
  for (let tries = 0; tries < 200; tries++) {
    if (children().every((pid) => before.includes(pid))) return;
    await sleep(10);
  }
  throw new Error("a child is still there");
}

describeWith(["xz", "zstd", "bzip2", "linux"], "compressed data", () => {
  describe.each(COMPRESSIONS.filter((each) => each !== "none"))("with %s", (compression) => {
    let packed: Buffer;
    beforeAll(async () => {
      packed = await pack(compression, plain);
    });

    test("comes out as it went in, however it is cut into pieces", async () => {
      expect((await unpack(packed, compression)).equals(plain)).toBe(true);
      const small = await pack(compression, Buffer.from("text"));
      expect((await unpack(small, compression, 1)).toString()).toBe("text");
      expect(await unpack(await pack(compression, Buffer.alloc(0)), compression)).toHaveLength(0);
    });

    test("that ends early is refused", async () => {
      for (const length of [0, 1, 5, 1000, packed.length >> 1, packed.length - 1]) {
        await expect(unpack(packed.subarray(0, length), compression)).rejects.toMatchObject({
          code: "ERR_COMPRESSION",
        });
      }
    });

    test("that is something else, or is followed by something else, is refused", async () => {
      for (const bytes of [
        Buffer.from("something else ".repeat(100)),
        Buffer.concat([packed, Buffer.from("something else")]),
        Buffer.concat([packed, Buffer.alloc(3)]),
      ]) {
        for (const size of [1 << 30, 50_000]) {
          await expect(unpack(bytes, compression, size)).rejects.toMatchObject({ code: "ERR_COMPRESSION" });
        }
      }
    });

    test("that is damaged is refused, also where the source has no end", async () => {
      const damaged = Buffer.from(packed);
      damaged.fill(0xff, 0, 100);
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) yield Promise.resolve(damaged);
      }
      const before = children();
      await expect(bytesOf(decompress(ownedBytes(endless()), compression))).rejects.toMatchObject({
        code: "ERR_COMPRESSION",
      });
      await expectNoChild(before);
    });

    test("fails as its source does", async () => {
      const failure = new Error("the line is cut");
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* pieces(packed.subarray(0, 100_000));
        throw failure;
      }
      await expect(bytesOf(decompress(ownedBytes(failing()), compression))).rejects.toBe(failure);
    });

    test("stops with the signal's reason, also while the source says nothing", async () => {
      const before = children();
      const abort = new AbortController();
      async function* stalled(): AsyncGenerator<Uint8Array> {
        yield packed.subarray(0, 100);
        abort.abort("enough");
        await new Promise(() => undefined);
      }
      await expect(
        bytesOf(decompress(ownedBytes(stalled()), compression, { signal: abort.signal })),
      ).rejects.toBe("enough");
      await expectNoChild(before);
    });

    test("is not read on when its reader stops, and nothing is left running", async () => {
      const before = children();
      let given = 0;
      let ended = false;
      async function* watched(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            for await (const piece of pieces(packed)) {
              given += piece.length;
              yield piece;
            }
          }
        } finally {
          ended = true;
        }
      }
      for await (const piece of decompress(ownedBytes(watched()), compression)) {
        expect(piece.length).toBeGreaterThan(0);
        await sleep(50);
        break;
      }
      // What is buffered on the way, and no more.
      expect(given).toBeLessThan(4 << 20);
      await expectNoChild(before);
      await vi.waitFor(() => expect(ended).toBe(true), 60_000);
    });
  });

  test.each(["gzip", "xz", "zstd", "bzip2"] as const)(
    "of several %s files one behind another is one",
    async (compression) => {
      const [one, two] = [await pack(compression, Buffer.from("one ")), await pack(compression, plain)];
      const expected = Buffer.concat([Buffer.from("one "), plain, Buffer.from("one ")]);
      for (const size of [1 << 30, 1000]) {
        const bytes = Buffer.concat([one, two, one]);
        expect((await unpack(bytes, compression, size)).equals(expected)).toBe(true);
      }
    },
  );

  test("whose program is not there says what to install", async () => {
    const source = `
      const { decompress } = await import(new URL("compress/decompress.js", ${JSON.stringify(
        new URL("../../dist/", import.meta.url).href,
      )}));
      async function* bytes() { yield Buffer.from("text"); }
      for (const each of ["xz", "zstd", "bzip2"])
        try { for await (const _ of decompress(bytes(), each)); }
        catch ({ code, hint }) { print({ code, hint }); }`;
    const { stdout, stderr } = await runScript(source, { env: { PATH: "/nonexistent" } });
    expect(stderr).toBe("");
    expect(
      stdout
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { code: "ERR_PROGRAM", hint: "install xz (Debian's package xz-utils)" },
      { code: "ERR_PROGRAM", hint: "install zstd (Debian's package zstd)" },
      { code: "ERR_PROGRAM", hint: "install bzip2 (Debian's package bzip2)" },
    ]);
  });

  test("is read in spite of options for the terminal", async () => {
    const source = `
      const { decompress } = await import(new URL("compress/decompress.js", ${JSON.stringify(
        new URL("../../dist/", import.meta.url).href,
      )}));
      async function* bytes() { yield Buffer.from(process.argv.at(-1) ?? "", "base64"); }
      for (const [each, text] of Object.entries(JSON.parse(process.env.PACKED))) {
        let plain = "";
        async function* bytes() { yield Buffer.from(text, "base64"); }
        for await (const piece of decompress(bytes(), each)) plain += piece;
        print(plain);
      }`;
    const packed = Object.fromEntries(
      await Promise.all(
        (["xz", "bzip2"] as const).map(async (each) => [
          each,
          (await pack(each, Buffer.from("text"))).toString("base64"),
        ]),
      ),
    );
    const env = { PACKED: JSON.stringify(packed), XZ_OPT: "-vv", XZ_DEFAULTS: "-z", BZIP2: "-vv" };
    const { stdout, stderr } = await runScript(source, { env });
    expect(stderr).toBe("");
    expect(stdout.toString()).toBe('"text"\n"text"\n');
  });
});

describeWith(["xz", "zstd"], "data that takes more memory than there is for it", () => {
  /** Ten bytes, compressed by programs that were told to remember one gigabyte, or two. */
  const packed = {
    xz: "/Td6WFoAAATm1rRGAgAhASQAAABeH8f5AQAJc29tZSB0ZXh0CgAAAIBBSQ0R2v4bAAEiChUa4WcftvN9AQAAAAAEWVo=",
    zstd: "KLUv/QSoUQAAc29tZSB0ZXh0CgLlGgY=",
  };
  test.each(["xz", "zstd"] as const)("is refused, with a hint (%s)", async (compression) => {
    await expect(unpack(Buffer.from(packed[compression], "base64"), compression)).rejects.toMatchObject({
      code: "ERR_COMPRESSION",
      message: expect.stringContaining("the data takes too much memory to be unpacked") as string,
      hint: expect.stringContaining("smaller") as string,
    });
  });

  test.each([
    ["xz", "-9"],
    ["zstd", "--ultra", "-22"],
    ["zstd", "--long=27"],
  ] as const)("is within bounds at the highest levels of programs (%s %s)", async (program, ...flags) => {
    const { stdout } = await mustRun(program, [...flags, "-c"], { input: "some text" });
    expect((await unpack(stdout, program)).toString()).toBe("some text");
  });
});
