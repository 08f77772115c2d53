import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { NarEvent } from "../../dist/nar/parser.js";
import { readNar } from "../../dist/nar/read.js";
import { verifyNar } from "../../dist/nar/verify.js";
import { bytesOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";
import {
  dump,
  eventsOf,
  fileNar,
  folderNar,
  identityOf,
  inPieces,
  length,
  nar,
  writeSmallTree,
} from "./nars.js";

const whole = (bytes: Buffer): AsyncIterable<Buffer> => inPieces(bytes, Infinity);

/** Events that are compared fast: each file's contents as their digest. */
const plain = (events: readonly NarEvent[]): unknown[] =>
  events.map((event) => (event.type === "contents" ? identityOf(Buffer.from(event.bytes)) : event));

async function dumped(write: (place: string) => void): Promise<Buffer> {
  await using folder = await temporaryFolder();
  write(folder.join("tree"));
  return await dump(folder.join("tree"));
}

describeWith(["nix-store"], "a NAR that Nix wrote", () => {
  let odd: Buffer;
  let small: Buffer;
  beforeAll(async () => {
    odd = await dumped(writeOddTree);
    small = await dumped(writeSmallTree);
  });

  test("is read as what it was made of: folders, files with their contents, links, whatever their names", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("tree"));
    const { stdout } = await mustRun("find", [folder.join("tree"), "-printf", "x"]);
    const events = await eventsOf(whole(odd));
    const nodes = events.filter(({ type }) => type !== "contents");
    expect(nodes).toHaveLength(stdout.length);
    for (const [i, event] of events.entries()) {
      if (event.type === "contents") continue;
      const place = Buffer.concat([
        Buffer.from(`${folder.join("tree")}/`),
        Buffer.from(event.path, "latin1"),
      ]);
      // A slash at its end would have a link followed.
      const stats = lstatSync(event.path === "" ? place.subarray(0, -1) : place);
      if (event.type === "directory") expect(stats.isDirectory()).toBe(true);
      if (event.type === "symlink") expect(readlinkSync(place, "latin1")).toBe(event.target);
      if (event.type !== "regular") continue;
      expect([event.size, event.executable]).toEqual([stats.size, (stats.mode & 0o100) !== 0]);
      const contents = events[i + 1];
      if (event.size === 0) expect(contents?.type).not.toBe("contents");
      else if (contents?.type === "contents") expect(readFileSync(place).equals(contents.bytes)).toBe(true);
      else expect.unreachable();
    }
  });

  test("is read alike in pieces of any size", async () => {
    const events = plain(await eventsOf(whole(odd)));
    const random = new Random(31);
    for (const size of [7, 8, 9, 4096, 65_537, () => random.below(40_000)]) {
      expect(plain(await eventsOf(inPieces(odd, size)))).toEqual(events);
    }
    const few = await eventsOf(whole(small));
    for (let size = 1; size < 64; size++) expect(await eventsOf(inPieces(small, size))).toEqual(few);
  });

  test("is refused when it ends early, wherever that is", async () => {
    for (let end = 0; end < small.length; end++) {
      for (const size of [5, Infinity]) {
        await expect(eventsOf(inPieces(small.subarray(0, end), size))).rejects.toMatchObject({
          code: "ERR_NAR",
          details: { offset: end, expected: expect.any(String) },
        });
      }
    }
  });

  test("is refused with any bit changed: by its form, or by its hash", async () => {
    const identity = identityOf(small);
    let readable = 0;
    for (let at = 0; at < small.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(small);
        damaged[at]! ^= 1 << bit;
        const form = await eventsOf(whole(damaged)).catch((error: unknown) => error);
        if (Array.isArray(form)) readable++;
        else expect(form).toMatchObject({ code: "ERR_NAR", details: { offset: expect.any(Number) } });
        await expect(bytesOf(verifyNar(whole(damaged), identity))).rejects.toMatchObject({
          code: "ERR_NAR_HASH",
        });
      }
    }
    // Names, targets and contents are all that can be another.
    expect(readable).toBeGreaterThan(80);
    expect(readable).toBeLessThan(30 * 8);
  });

  test("is after random damage either refused, or what Nix would write of what it restores from it", async () => {
    await using folder = await temporaryFolder();
    const random = new Random(32);
    let accepted = 0;
    for (let round = 0; round < 4000; round++) {
      const damaged = mutated(random, small);
      const size = 1 + random.below(200);
      const events = await eventsOf(inPieces(damaged, size)).catch((error: unknown) => error);
      if (!Array.isArray(events)) {
        expect(events).toMatchObject({ code: "ERR_NAR" });
        continue;
      }
      if (damaged.equals(small) || ++accepted > 30) continue;
      const place = folder.join(`restored${round}`);
      await mustRun("nix-store", ["--restore", place], { input: damaged });
      expect((await dump(place)).equals(damaged)).toBe(true);
    }
    expect(accepted).toBeGreaterThan(10);
  });
});

/** Bytes changed, taken away, doubled, or put in from elsewhere in it. */
function mutated(random: Random, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let i = 1 + random.below(2); i > 0; i--) {
    const at = random.below(result.length);
    const word = at & ~7;
    switch (random.below(5)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, word), result.subarray(word + 8 * random.below(5))]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, word + 8 * random.below(5)), result.subarray(word)]);
        break;
      case 3:
        result.copy(result, word, random.below(result.length) & ~7, result.length);
        break;
      default:
        result[at] = 97 + random.below(26);
    }
  }
  return result;
}

describe("what should be a NAR", () => {
  const child = (...node: (string | Buffer)[]): Buffer =>
    nar("nix-archive-1", "(", "type", "directory", "entry", "(", "name", ...node);
  const file = ["node", "(", "type", "regular", "contents", "x", ")", ")"];
  const top = (...tokens: (string | Buffer)[]): Buffer => nar("nix-archive-1", "(", "type", ...tokens);
  const NAME = 24 + 16 + 16 + 24 + 16 + 16 + 16;

  for (const [what, bytes, offset, expected] of [
    ["has another magic", nar("nix-archive-2", "(", "type", "regular"), 16, "nix-archive-1"],
    ["is something else", Buffer.from("#!/bin/sh\necho hello\n"), 0, "nix-archive-1"],
    ["has a child without a name", child("", ...file), NAME, "a length from 1"],
    ["has a child with the name .", child(".", ...file), NAME + 8, "a file's name"],
    ["has a child with the name ..", child("..", ...file), NAME + 8, "a file's name"],
    ["has a child with a slash in its name", child("a/b", ...file), NAME + 8, "a file's name"],
    ["has a child with a NUL in its name", child("a\0b", ...file), NAME + 8, "a file's name"],
    ["has a name twice", folderNar(["a", "a"]), 328, 'a name after "a"'],
    ["has names that do not ascend", folderNar(["b", "a"]), 328, 'a name after "b"'],
    ["has a name after a longer one", folderNar(["ab", "a"]), 328, 'a name after "ab"'],
    ["has a type that there is not", top("fifo"), 56, '"regular" "contents" or "directory" or'],
    ["has a file without contents", top("regular", ")"), 72, '"contents"'],
    ["has an executable file that says more of it", top("regular", "executable", "x"), 96, '"executable" ""'],
    ["has a link without a target", top("symlink", ")"), 72, '"target"'],
    ["has a link with an empty target", top("symlink", "target", "", ")"), 88, "a length from 1"],
    [
      "has a link with a NUL in its target",
      top("symlink", "target", "a\0b", ")"),
      96,
      "a target without a NUL",
    ],
    [
      "has something else than zeros after a string",
      top("regular", "contents", length(1), Buffer.from("x\0\0\0\0\0\0y")),
      103,
      "a zero",
    ],
    ["has a name of a gigabyte", child(length(1 << 30)), NAME, "a length from 1 to 4096"],
    ["has a target of a gigabyte", top("symlink", "target", length(1 << 30)), 88, "a length from 1 to 4096"],
    ["has a file of 2^63 bytes", top("regular", "contents", length(2n ** 63n)), 88, "a length below 2^53"],
    [
      "has an error of the daemon in place of a string",
      nar("nix-archive-1", length(0x63787470)),
      24,
      '"nix-archive-1" "("',
    ],
    ["goes on after its end", Buffer.concat([fileNar("x"), Buffer.alloc(1)]), 120, "the end"],
    ["has another NAR after its end", Buffer.concat([fileNar("x"), fileNar("x")]), 120, "the end"],
  ] as const) {
    test(`is refused if it ${what}`, async () => {
      for (const size of [3, 8, Infinity]) {
        await expect(eventsOf(inPieces(bytes, size), { name: "/nix/store/x" })).rejects.toMatchObject({
          code: "ERR_NAR",
          message: expect.stringContaining("/nix/store/x"),
          details: { path: "/nix/store/x", offset, expected: expect.stringContaining(expected) },
        });
      }
    });
  }

  test("is refused if a path in it is longer than any on a disk", async () => {
    const deep = (depth: number): Buffer => {
      const open = nar("directory", "entry", "(", "name", "x".repeat(255), "node", "(", "type");
      return Buffer.concat([
        nar("nix-archive-1", "(", "type"),
        ...Array<Buffer>(depth).fill(open),
        nar("directory", ")"),
        ...Array<Buffer>(depth).fill(nar(")", ")")),
      ]);
    };
    expect(await eventsOf(whole(deep(16)))).toHaveLength(17);
    await expect(eventsOf(whole(deep(17)))).rejects.toMatchObject({ code: "ERR_NAR" });
    await expect(eventsOf(whole(deep(100_000)))).rejects.toMatchObject({ code: "ERR_NAR" });
  });

  test("is refused at its end if a file is shorter than it says", async () => {
    const lie = top("regular", "contents", length(2 ** 52), Buffer.alloc(1 << 20));
    await expect(eventsOf(whole(lie))).rejects.toMatchObject({
      code: "ERR_NAR",
      details: { offset: lie.length },
    });
  });
});

describe("reading a NAR", () => {
  test("passes contents on without copying them", async () => {
    const bytes = fileNar("x".repeat(100_000));
    let size = 0;
    for await (const event of readNar(inPieces(bytes, 30_000))) {
      if (event.type !== "contents") continue;
      expect(event.bytes.buffer).toBe(bytes.buffer);
      size += event.bytes.length;
    }
    expect(size).toBe(100_000);
  });

  test("asks for no more than the NAR where it may be followed by something else, and lets the stream go", async () => {
    let asked = 0;
    let released = false;
    async function* stream(): AsyncGenerator<Buffer> {
      try {
        for (const piece of [fileNar("x"), Buffer.from("more")]) {
          asked++;
          yield piece;
        }
      } finally {
        released = true;
      }
    }
    expect(await eventsOf(stream(), { trailing: "ignore" })).toHaveLength(2);
    expect([asked, released]).toEqual([1, true]);
    const followed = Buffer.concat([fileNar("x"), Buffer.from("more")]);
    expect(await eventsOf(whole(followed), { trailing: "ignore" })).toHaveLength(2);
  });

  test("is stopped by its signal, though the stream never answers", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    async function* stream(): AsyncGenerator<Buffer> {
      yield fileNar("x").subarray(0, 50);
      setImmediate(() => controller.abort(reason));
      await new Promise(() => undefined);
    }
    await expect(eventsOf(stream(), { signal: controller.signal })).rejects.toBe(reason);
    await expect(eventsOf(stream(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("lets the stream go when it is left early", async () => {
    let released = false;
    async function* stream(): AsyncGenerator<Buffer> {
      try {
        yield folderNar(["a", "b"]);
      } finally {
        released = true;
      }
    }
    for await (const event of readNar(stream())) if (event.type === "regular") break;
    expect(released).toBe(true);
  });

  test("passes the stream's own failure on", async () => {
    const failure = new Error("no network");
    async function* stream(): AsyncGenerator<Buffer> {
      yield fileNar("x").subarray(0, 50);
      throw failure;
    }
    await expect(eventsOf(stream())).rejects.toBe(failure);
  });

  test("refuses arguments that are none, by their names", async () => {
    const stream = whole(fileNar("x"));
    for (const [call, argument] of [
      [() => readNar(null as never), "stream"],
      [() => readNar("text" as never), "stream"],
      [() => readNar(stream, { trailing: true as never }), "options.trailing"],
      [() => readNar(stream, { name: 1 as never }), "options.name"],
      [() => readNar(stream, { signal: {} as never }), "options.signal"],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }));
    }
    async function* texts(): AsyncGenerator<string> {
      yield "nix-archive-1";
    }
    await expect(eventsOf(texts() as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });
});
