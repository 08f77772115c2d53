import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { layoutTar, type Member } from "../../dist/transports/ociLayout/layoutTar.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  // One buffer for all pieces, as sources have it.
  const buffer = Buffer.alloc(1 << 20);
  for (const text of texts) yield buffer.subarray(0, buffer.write(text));
}

const file = (name: string, size: number, ...texts: string[]): Member => ({
  ...{ name, type: "file", size },
  open: () => pieces(...texts),
});

async function* members(...all: Member[]): AsyncGenerator<Member> {
  yield* all;
}

async function written(...all: Member[]): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const piece of layoutTar(() => members(...all), 1)) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}

test("what is written is read by tar, folders and empty files too, from pieces that share a buffer", async () => {
  await using folder = await temporaryFolder("layout-tar");
  const long = "x".repeat(300_000);
  const all = [
    { name: "blobs", type: "directory" } as const,
    file("blobs/one", 6, "abc", "def"),
    file("blobs/large", 600_000, long, long.replaceAll("x", "y")),
    file("empty", 0),
  ];
  const bytes = await written(...all);
  writeFileSync(folder.join("x.tar"), bytes);
  const listed = await mustRun("tar", ["-tvf", folder.join("x.tar"), "--utc", "--full-time"]);
  expect(listed.stdout.toString().trim().split("\n")).toEqual([
    "drwxr-xr-x 0/0               0 1970-01-01 00:00:01 blobs/",
    "-rw-r--r-- 0/0               6 1970-01-01 00:00:01 blobs/one",
    "-rw-r--r-- 0/0          600000 1970-01-01 00:00:01 blobs/large",
    "-rw-r--r-- 0/0               0 1970-01-01 00:00:01 empty",
  ]);
  const content = async (name: string): Promise<string> =>
    (await mustRun("tar", ["-xOf", folder.join("x.tar"), name])).stdout.toString();
  expect(await content("blobs/one")).toBe("abcdef");
  expect(await content("blobs/large")).toBe(long + "y".repeat(300_000));
  expect(bytes.equals(await written(...all))).toBe(true);
});

test.each([
  ["shorter", file("one", 7, "abc", "def")],
  ["longer", file("one", 5, "abc", "def")],
])("a member that is %s than it was said to be ends the archive with an error", async (_, member) => {
  await expect(written(member, file("two", 3, "abc"))).rejects.toThrow("Size mismatch");
});

test("what goes wrong with a member is what the reader is told", async () => {
  const failing: Member = {
    ...{ name: "one", type: "file", size: 6 },
    open: async function* () {
      yield* pieces("abc");
      throw new Error("no more of it");
    },
  };
  await expect(written(failing)).rejects.toThrow("no more of it");
});

test("a reader that stops early ends what it read from", async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<Member> {
    try {
      for (;;) yield file("large", 600_000, "x".repeat(300_000), "y".repeat(300_000));
    } finally {
      ended = true;
    }
  }
  for await (const piece of layoutTar(endless, 1)) if (piece.length > 1000) break;
  expect(ended).toBe(true);
});

test("a reader that stops early, or a signal, does not wait for the member that is being made", async () => {
  const slow = (signal: AbortSignal): AsyncIterable<Member> =>
    (async function* () {
      yield file("one", 3, "abc");
      signal.throwIfAborted();
      // As long as nobody aborts it.
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason as Error);
        });
      });
    })();
  for await (const _ of layoutTar(slow, 1)) break;
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = (async () => {
    for await (const _ of layoutTar(slow, 1, { signal: controller.signal })) controller.abort(reason);
  })();
  await expect(reading).rejects.toBe(reason);
});
