import { expect, test } from "vitest";
import { reprList } from "../../dist/image/python.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

async function python<T>(expression: string, input: unknown): Promise<T> {
  const script = `import json, sys, unicodedata\ninput = json.load(sys.stdin)\njson.dump(${expression}, sys.stdout)`;
  const { stdout } = await mustRun("python3", ["-c", script], { input: JSON.stringify(input) });
  return JSON.parse(stdout.toString()) as T;
}

describeWith(["python3"], "a list of texts in an image's history", () => {
  test("is printed as Python prints it", async () => {
    const random = new Random(11);
    const parts = [
      "a",
      "'",
      '"',
      "\\",
      "\n",
      "\r",
      "\t",
      "\0",
      "\x1b",
      "\x7f",
      "\x80",
      "\xa0",
      "\xad",
      "é",
      "日",
      "\u2028",
      "\u200b",
      "🎉",
      "\u{e0001}",
      "\ud800",
      "\udc80",
      " ",
    ];
    const lists = Array.from({ length: 500 }, () =>
      Array.from({ length: random.below(4) }, () =>
        Array.from({ length: random.below(6) }, () => random.pick(parts)).join(""),
      ),
    );
    const expected = await python<string[]>("[repr(items) for items in input]", lists);
    expect(lists.map(reprList)).toEqual(expected);
  });

  test("escapes the characters that Python escapes, of all those that have long been in Unicode", async () => {
    // Later ones are known to some versions of Python and Node and not to others.
    const expected = await python<[number, string][]>(
      "[(n, repr([chr(n)])) for n in range(0x30000) if unicodedata.ucd_3_2_0.category(chr(n)) != 'Cn']",
      null,
    );
    expect(expected.length).toBeGreaterThan(90_000);
    const different = expected.filter(([code, repr]) => reprList([String.fromCodePoint(code)]) !== repr);
    expect(different).toEqual([]);
  });
});
