import { describe, expect, test } from "vitest";
import { JsonBudget, parsePlainJson } from "../../dist/bytes/jsonBudget.js";
import { formatJson, fromJs, type Json, JsonNumber, parseJson, toJs } from "../../dist/bytes/json.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

/** What Python makes of each document: written again, or `null` where it does not take it. */
async function pythons(documents: readonly string[]): Promise<(string | null)[]> {
  const script = `
import json, sys
def again(text):
    try:
        return json.dumps(json.loads(text), indent=4)
    except ValueError:
        return None
json.dump([again(text) for text in json.load(sys.stdin)], sys.stdout)
`;
  const { stdout } = await mustRun("python3", ["-c", script], { input: JSON.stringify(documents) });
  return JSON.parse(stdout.toString()) as (string | null)[];
}

function again(text: string): string | null {
  try {
    return formatJson(parseJson(text, "it"), 4);
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_JSON" });
    return null;
  }
}

const numbers = [
  ...[
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.0",
    "-1.0",
    "0.0",
    "-0.0",
    "1.5",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "-1e5",
    "0e0",
  ],
  ...["1.10", "100.00", "0.1", "0.30000000000000004", "0.0001", "0.00001", "0.00012345", "123456.789"],
  ...["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", `1${"0".repeat(400)}`],
  ...[
    "9007199254740993.0",
    "1e15",
    "1e16",
    "1e17",
    "1e21",
    "1e22",
    "1e23",
    "123456789012345678",
    "1234567890123456.7",
  ],
  ...["999999999999999.9", "9999999999999998.0", "9999999999999999.0", "1e308", "1.7976931348623157e308"],
  ...["1e309", "1e400", "-1e400", "1e-400", "-1e-400", "5e-324", "2.2250738585072014e-308", "1e-7"],
];

const documents = [
  ...numbers,
  ...["null", "true", "false", '""', "{}", "[]", "[[]]", "[{}]", '{"a":{}}', " [ ] ", "\t\r\n{ }\n"],
  '{"b":1,"a":2,"10":3,"9":4,"-1":5,"01":6}',
  '{"__proto__":{"x":1},"constructor":2,"toString":3,"hasOwnProperty":4}',
  '{"a":1,"b":2,"a":3}',
  '{"a":{"x":1},"a":{"y":2}}',
  '{"":"empty key"}',
  '"Grüße 日本語 🎉 \u2028\u2029\ufeff\u007f\u0080\u00ff\uffff"',
  String.raw`"\u0000\u001f\b\f\n\r\t\"\\\/\u00e9\uD83C\udf89"`,
  String.raw`"\ud800" `,
  String.raw`"\udc00\ud800"`,
  String.raw`{"\ud83d":"\ude00","\ud83d\ude00":1}`,
  '{"Grüße":"ü","🎉":["🎉"]}',
  JSON.stringify({ Cmd: ["/bin/sh", "-c", "echo 'a' \"b\" \\ $(c) </script>"], Env: ["A=b=c", "E="] }),
  `${"[".repeat(400)}${"]".repeat(400)}`,
];

const malformed = [
  ...[
    "",
    " ",
    "nul",
    "nullx",
    "True",
    "tru",
    "undefined",
    "'a'",
    "a",
    "+1",
    ".5",
    "1.",
    "01",
    "-",
    "1e",
    "1e+",
    "0x1",
    "1_0",
  ],
  ...[
    "--1",
    "1 2",
    "[1 2]",
    "[1,]",
    "[,1]",
    "[",
    "]",
    "[1",
    "{",
    "}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "{1:2}",
  ],
  ...[
    '{"a" 1}',
    '{"a":1 "b":2}',
    '"',
    '"a',
    '"a\nb"',
    '"a\tb"',
    '"\u0000"',
    String.raw`"\x"`,
    String.raw`"\u12"`,
    String.raw`"\u12g4"`,
  ],
  ...['"a"b', "[]]", "{}{}", "// comment\n1", "/**/1", "\ufeff1", "\u00a01", "1\u000b", "\f1"],
];

describeWith(["python3"], "JSON", () => {
  test("is read and written again as Python does it", async () => {
    const expected = await pythons(documents);
    for (const [i, text] of documents.entries()) expect([text, again(text)]).toEqual([text, expected[i]]);
  });

  test("is refused where Python refuses it", async () => {
    expect(await pythons(malformed)).toEqual(malformed.map(() => null));
    for (const text of malformed) expect([text, again(text)]).toEqual([text, null]);
  });

  test("has floating point numbers as Python prints them, whatever their size", async () => {
    const random = new Random(9);
    const texts = Array.from({ length: 3000 }, () => {
      const digits = String(random.below(2 ** 32)) + String(random.below(2 ** 32));
      const sign = random.pick(["", "-"]);
      const exponent = random.chance(0.5) ? random.below(640) - 330 : random.below(44) - 22;
      const cut = 1 + random.below(digits.length - 1);
      return `${sign}${Number(digits.slice(0, cut)) || 1}.${digits.slice(cut)}e${exponent}`;
    });
    const expected = await pythons(texts);
    for (const [i, text] of texts.entries()) expect([text, again(text)]).toEqual([text, expected[i]]);
  });

  test("goes through unharmed for random documents", async () => {
    const random = new Random(10);
    const texts = Array.from({ length: 300 }, () => randomDocument(random, 4));
    const expected = await pythons(texts);
    for (const [i, text] of texts.entries()) expect(again(text)).toBe(expected[i]);
  });
});

function randomDocument(random: Random, depth: number): string {
  const text = (): string =>
    JSON.stringify(
      String.fromCharCode(
        ...Array.from({ length: random.below(6) }, () => random.below(random.pick([128, 2 ** 16]))),
      ),
    );
  const list = (item: () => string): string =>
    Array.from({ length: random.below(5) }, item).join(random.pick([",", " ,\n"]));
  switch (depth === 0 ? random.below(3) : random.below(5)) {
    case 0:
      return text();
    case 1:
      return random.pick(numbers);
    case 2:
      return random.pick(["true", "false", "null"]);
    case 3:
      return `[${list(() => randomDocument(random, depth - 1))}]`;
    default:
      return `{${list(() => `${random.chance(0.3) ? `"${random.below(20)}"` : text()}: ${randomDocument(random, depth - 1)}`)}}`;
  }
}

describe("an error in JSON", () => {
  test.each([
    ["[1,\n 2,\n  x]", "line 3, column 3"],
    ['{"a": 1,\n"b" 2}', "line 2, column 5"],
    ["", "line 1, column 1"],
    ['{"a": tru}', "line 1, column 7"],
    ["[1]\n]", "line 2, column 1"],
  ])("in %j is said to be at %s", (text, position) => {
    expect(() => parseJson(text, "conf.json")).toThrow(
      expect.objectContaining({
        code: "ERR_JSON",
        message: expect.stringMatching(`^conf.json is not JSON: .* at ${position}$`),
      }),
    );
  });

  test("is a document that is nested too deeply, not a stack that overflows", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      expect(() => parseJson(`${open.repeat(500)}1${close.repeat(500)}`, "it")).not.toThrow();
      expect(() => parseJson(`${open.repeat(501)}1${close.repeat(501)}`, "it")).toThrow(
        /nested deeper.* at line 1, column/,
      );
      expect(() => parseJson(open.repeat(1_000_000), "it")).toThrow(
        expect.objectContaining({ code: "ERR_JSON" }),
      );
    }
  });
});

describe("JSON on one line", () => {
  test("has Python's separators", () => {
    expect(formatJson(parseJson('{"a":[1,2.0],"b":{}}', "it"))).toBe('{"a": [1, 2.0], "b": {}}');
  });
});

describe("a JavaScript value", () => {
  test("becomes JSON with its keys in order, big integers whole, and without what is undefined", () => {
    const value = {
      a: 1,
      b: undefined,
      c: [1.5, 2n ** 64n, null],
      d: new Map([
        ["10", true],
        ["9", false],
      ]),
    };
    expect(formatJson(fromJs(value, "config"))).toBe(
      '{"a": 1, "c": [1.5, 18446744073709551616, null], "d": {"10": true, "9": false}}',
    );
  });

  test("that JSON cannot hold is refused, by the place where it is", () => {
    for (const bad of [() => 1, Symbol("s"), Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => fromJs({ a: [1, { b: bad }] }, "config")).toThrow(
        expect.objectContaining({ code: "ERR_JSON", message: expect.stringContaining("config.a[1].b") }),
      );
    }
  });

  test("comes back from JSON, with __proto__ a key like any other", () => {
    const json: Json = parseJson('{"__proto__": {"polluted": 1}, "n": 1.0, "l": [true]}', "it");
    const value = toJs(json) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["__proto__", "n", "l"]);
    expect(value["polluted"]).toBeUndefined();
    expect(value["n"]).toBe(1);
  });

  test("that is a number keeps how it was written", () => {
    const number = parseJson("1.0", "it");
    expect(number).toBeInstanceOf(JsonNumber);
    expect(number).toMatchObject({ text: "1.0", value: 1, isInteger: false });
  });
});

describe("a budget for JSON", () => {
  const thousand = `[${Array.from({ length: 999 }, () => "{}").join()}]`;

  test("has room for long strings and numbers, with escapes and without", () => {
    for (const text of ["x".repeat(2e7), 'a\\"\n'.repeat(4e6), "\u00e4\u2603".repeat(4e6), "\\".repeat(1e7)])
      expect(parseJson(JSON.stringify(text), "it")).toBe(text);
    expect(parseJson("9".repeat(4300), "it")).toEqual(new JsonNumber("9".repeat(4300)));
    expect(() => parseJson("9".repeat(2e7), "it")).toThrow("a number has more than 4300 digits");
  });

  test("ends with so many values and keys, in all documents that share it", () => {
    const budget = new JsonBudget({ values: 2500 });
    for (const parse of [parseJson, parsePlainJson]) parse(thousand, "it", budget);
    expect(() => parseJson(thousand, "the third", budget)).toThrow(
      expect.objectContaining({
        code: "ERR_JSON",
        message: "the third cannot be read: there are more than 2,500 values in JSON",
        details: { limit: 2500, of: "values" },
      }),
    );
    expect(() => parsePlainJson(thousand, "it", budget)).toThrow(/more than 2,500 values/);
  });

  test("ends with so much text", () => {
    for (const parse of [parseJson, parsePlainJson]) {
      const budget = new JsonBudget({ text: 1 << 20 });
      parse(`"${"x".repeat((1 << 20) - 2)}"`, "it", budget);
      expect(() => parse("1", "it", budget)).toThrow("it cannot be read: there are more than 1 MiB of JSON");
    }
  });

  test("is there for every document", () => {
    for (const parse of [parseJson, parsePlainJson]) {
      expect(() => parse(`[${"{},".repeat(1e6)}{}]`, "it")).toThrow(/more than 1,000,000 values/);
      expect(() => parse("[".repeat(501) + "]".repeat(501), "it")).toThrow(/nested deeper than 500 levels/);
      expect(parse("[".repeat(500) + "]".repeat(500), "it")).toBeDefined();
    }
  });

  test("counts nothing within strings", () => {
    const text = JSON.stringify('{[,:"\\"'.repeat(1000));
    expect(parsePlainJson(text, "it", new JsonBudget({ values: 1 }))).toBe(JSON.parse(text));
    expect(() => parsePlainJson('"{"', "it")).not.toThrow();
    expect(() => parsePlainJson('"{', "it")).toThrow(SyntaxError);
  });

  test("leaves errors their places, however many lines there are", () => {
    expect(() => parseJson(`[${"\n".repeat(3_000_000)}  x`, "it")).toThrow("at line 3000001, column 3");
  });
});
