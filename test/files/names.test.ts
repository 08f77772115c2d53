import { describe, expect, test } from "vitest";
import { compareNames, decode, isUtf8, sortNames, toByteString } from "../../dist/bytes/byteString.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

/** Python's answers about names, which are byte strings. */
async function python<T>(expression: string, names: unknown): Promise<T> {
  const script = `
import json, sys
text = lambda name: name.encode("latin-1").decode("utf-8", "surrogateescape")
back = lambda name: name.encode("utf-8", "surrogateescape").decode("latin-1")
def is_utf8(name):
    try:
        name.encode("latin-1").decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False
names = json.load(sys.stdin)
json.dump(${expression}, sys.stdout)
`;
  const { stdout } = await mustRun("python3", ["-c", script], { input: JSON.stringify(names) });
  return JSON.parse(stdout.toString()) as T;
}

/** Names of few different bytes, from all parts of UTF-8 and from outside it, so that many share a beginning. */
function randomNames(random: Random, count: number): string[] {
  const parts = [
    ...[
      "a",
      "b",
      "B",
      "-",
      ".",
      "~",
      "\x01",
      "\x7f",
      "\n",
      "é",
      "ÿ",
      "\u07ff",
      "\u0800",
      "日",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "🎉",
    ].map((text) => Buffer.from(text)),
    ...[[0x80], [0xbf], [0xc0], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xf5], [0xff]].map(
      (bytes) => Buffer.from(bytes),
    ),
  ];
  return Array.from({ length: count }, () => {
    const length = 1 + random.below(5);
    if (random.chance(0.1)) return random.bytes(length).toString("latin1");
    const pool = random.chance(0.5) ? parts.slice(0, 19) : parts;
    return Buffer.concat(Array.from({ length }, () => random.pick(pool))).toString("latin1");
  });
}

describeWith(["python3"], "names of files", () => {
  test("are sorted as Python sorts what os.listdir gives", async () => {
    const random = new Random(2);
    const folders = Array.from({ length: 200 }, () => randomNames(random, 1 + random.below(40)));
    const sorted = await python<string[][]>(
      "[[back(n) for n in sorted(map(text, names))] for names in names]",
      folders,
    );
    for (const [i, folder] of folders.entries()) expect(sortNames([...folder])).toEqual(sorted[i]);
  });

  test("compare alike one by one and together", async () => {
    const names = randomNames(new Random(3), 300);
    expect(names.toSorted(compareNames)).toEqual(sortNames([...names]));
  });

  test("decode as Python decodes them, with an escape for each byte that is not UTF-8", async () => {
    const names = randomNames(new Random(4), 2000);
    const decoded = await python<number[][]>("[[ord(c) for c in text(n)] for n in names]", names);
    for (const [i, name] of names.entries()) {
      expect(Array.from(decode(name), (character) => character.codePointAt(0))).toEqual(decoded[i]);
    }
  });

  test("are UTF-8 where Python says so", async () => {
    const names = randomNames(new Random(5), 2000);
    expect(names.map(isUtf8)).toEqual(await python<boolean[]>("[is_utf8(n) for n in names]", names));
  });
});

describe("a text", () => {
  test("comes back from its byte string", () => {
    for (const text of ["", "plain", "Grüße", "日本語", "🎉"]) expect(decode(toByteString(text))).toBe(text);
  });
});
