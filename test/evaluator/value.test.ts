import { runInNewContext } from "node:vm";
import { evaluate, nix, NixExpression, type NixInput, nixPath, toNix } from "laminix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";

describeWith(["nix-instantiate", "nix-daemon"], "a JavaScript value in a Nix expression", () => {
  let store: NixStore;
  beforeAll(async () => {
    store = await startNixStore();
  });
  afterAll(() => store[Symbol.asyncDispose]());
  const value = (expression: NixExpression | string) => evaluate(expression, { env: store.env });
  const back = (input: NixInput) => value(nix`${input}`);

  test.each<[string, NixInput]>([
    ["null", null],
    ["booleans", [true, false]],
    ["integers", [0, 1, -1, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ["big integers", [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]],
    ["integers of sixteen digits and less", [9_000_000_000_000_009, 999_999_999_999_999]],
    ["floats of few digits", [0.5, -0.5, 1.25e-7, -1.5e10, 1e300, -1e-300, 123.456, 1e21]],
    ["an empty string, list and set", ["", [], {}]],
    ["nested collections", { a: [{ b: [[], [{}]] }, "c"], d: { e: { f: null } } }],
    ["keys of any form", { "": 1, "a.b": 2, "a b": 3, '"': 4, "${x}": 5, "ü\n": 6, if: 7, "1": 8, "\\": 9 }],
    ["a key named __proto__", JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
    ["Unicode", ["Grüße 日本語 🎉", "\u2028\u2029\ufeff\u007f\u0080\uffff", "\ufeffstart"]],
    ["control characters", String.fromCharCode(...Array.from({ length: 31 }, (_, i) => i + 1))],
    ["carriage returns", "a\rb\r\nc\n\rd"],
    ["digits in strings", ["12345678901234567890", '"12345678901234567890"', "\\", '\\"1234567890123456']],
  ])("is the same again: %s", async (_, input) => {
    expect(await back(input)).toEqual(input);
  });

  test("of another realm, or without a prototype, is as good", async () => {
    expect(await back(runInNewContext("({ a: [1, 'b'] })"))).toEqual({ a: [1, "b"] });
    expect(await back(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
  });

  test.each([
    '${builtins.abort "x"}',
    '"; builtins.abort "x',
    '" + (builtins.abort "x") + "',
    "'' + (builtins.abort \"x\") + ''",
    "''${builtins.abort \"x\"}",
    '\\${builtins.abort "x"}',
    '\\\\${builtins.abort "x"}',
    '$${builtins.abort "x"}',
    '$$${builtins.abort "x"}',
    "$\\{x}",
    "$",
    "$$",
    "\\",
    "\\\\",
    'a\\"',
    "line\n# comment */ /*\n",
    ") (builtins.abort 1) (",
    "`${1}`",
  ])("stays data: %j", async (text) => {
    expect(await back({ [text]: [text, `x${text}`, `${text}x`] })).toEqual({
      [text]: [text, `x${text}`, `${text}x`],
    });
    expect(await evaluate("{ it }: it", { args: { it: text }, env: store.env })).toBe(text);
    expect(await evaluate("{ it }: it", { autoArgs: { it: text }, env: store.env })).toBe(text);
  });

  test("is the same again, whatever it is", async () => {
    const random = new Random(20);
    const values = Array.from({ length: 400 }, () => randomValue(random, 4));
    expect(await back(values)).toEqual(values);
  });

  test("that is a float is the same double in Nix, to the last digit", async () => {
    const random = new Random(21);
    const numerators = Array.from({ length: 300 }, () => {
      const mantissa = BigInt(random.below(2 ** 26)) * 2n ** 27n + BigInt(random.below(2 ** 27));
      return random.chance(0.5) ? -mantissa : mantissa;
    });
    // Powers of two change no digit, and an integer is printed whole.
    const floats = numerators.map((numerator) => Number(numerator) / 2 ** 53);
    expect(await value(nix`map (x: builtins.floor (x * ${2 ** 53})) ${floats}`)).toEqual(
      numerators.map((numerator) =>
        Number.isSafeInteger(Number(numerator)) ? Number(numerator) : numerator,
      ),
    );
  });

  test("that is a very small or very large float is the same double in Nix", async () => {
    const { MIN_VALUE: smallest, MAX_VALUE: largest } = Number;
    const back = nix`x: builtins.floor (x * ${2 ** 537} * ${2 ** 537})`;
    expect(await value(nix`map ${back} ${[smallest, -3 * smallest, 12345 * smallest]}`)).toEqual([
      1, -3, 12345,
    ]);
    const scaled = nix`builtins.floor (${largest} / ${2 ** 971})`;
    expect(await value(scaled)).toBe(2 ** 53 - 1);
    expect(await value(nix`builtins.typeOf ${1.5e300} + builtins.typeOf ${2 ** 70}`)).toBe("floatfloat");
  });

  test("may be large: a megabyte of text, and ten thousand items", async () => {
    const text = 'ab"${\\'.repeat(200_000);
    const items = Array.from({ length: 10_000 }, (_, i) => ({ i, name: `item ${i}` }));
    expect(await back(text)).toBe(text);
    expect(await back(items)).toEqual(items);
    const args = { text, items };
    expect(
      await evaluate("{ text, items }: [ (builtins.stringLength text) (builtins.length items) ]", {
        args,
        env: store.env,
      }),
    ).toEqual([text.length, items.length]);
  });

  test("may be nested in a thousand others, and in no more", async () => {
    const nested = (depth: number): NixInput => {
      let input: NixInput = [];
      for (let i = 1; i < depth; i++) input = i % 2 ? { a: input } : [input];
      return input;
    };
    expect(JSON.stringify(await back(nested(1000)))).toBe(JSON.stringify(nested(1000)));
    expect(() => toNix(nested(1001))).toThrow(/nested in no more than 1000 others/);
  });

  test("is a path only where it is said to be one", async () => {
    const place = "/tmp/with space/${x}";
    expect(await value(nix`builtins.typeOf ${place}`)).toBe("string");
    expect(await value(nix`[ (builtins.typeOf ${nixPath(place)}) (toString ${nixPath(place)}) ]`)).toEqual([
      "path",
      place,
    ]);
    expect(() => nixPath("relative")).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", message: expect.stringContaining("absolute") }),
    );
  });

  describe("written with the template", () => {
    test("is an operand, an argument, an item or an attribute's name", async () => {
      expect(await value(nix`${-2} - ${-3}`)).toBe(1);
      expect(await value(nix`(x: y: [ x y ${-1} ]) ${"a"} ${[1]}`)).toEqual(["a", [1], -1]);
      expect(await value(nix`{ "a.b" = 1; }.${"a.b"}`)).toBe(1);
      expect(await value(nix`({ a = { "$\{x}" = 2; }; }.a . ${"${x}"})`)).toBe(2);
      expect(await value(nix`{ \${${"a b"}} = 3; }`)).toEqual({ "a b": 3 });
      expect(await value(nix`10/${4}`)).toBe(2);
    });

    test("holds other expressions, comments and all", async () => {
      const three = nix`1 + 2 # three`;
      expect(await value(nix`2 * ${three}`)).toBe(6);
      expect(await value(nix`${[three, { a: three }]}`)).toEqual([3, { a: 3 }]);
      expect(
        await evaluate(nix`{ it }: it * 2`, { args: { it: new NixExpression("1 + 1") }, env: store.env }),
      ).toBe(4);
    });

    test("has Nix's own escapes as they are written", async () => {
      expect(await value(nix`"a\tb\\n$\{c}"`)).toBe("a\tb\\n${c}");
      expect(
        await value(nix`let x = "y"; in "\${x}" + ''
        \${x} ''\${x} \`
      ''`),
      ).toBe("yy ${x} `\n");
    });

    test("may stand in an antiquotation, and after anything that only looks like a string", async () => {
      expect(await value(nix`"<\${${'a"b'}}>"`)).toBe('<a"b>');
      expect(await value(nix`''<\${"\${${"c"}}"}>''`)).toBe("<c>");
      expect(await value(nix`let x'' = 1; foldl' = a: b: a + b; in foldl' x'' ${2}`)).toBe(3);
      expect(await value(nix`[ http://a/'' ${1} ]`)).toEqual(["http://a/''", 1]);
      expect(await value(nix`"$\${" + ${"a"} + "$" + ${"b"}`)).toBe("$${a$b");
      expect(await value(nix`'' '''' ''$ $'' + ${"a"}`)).toBe("''' $ $a");
      expect(
        await value(nix`"#" + ${"a"} /* " '' */ + ${"b"} # "
        + ${"c"}`),
      ).toBe("#abc");
      expect(await value(nix`toString /a/\${"b"}x + ${"c"}`)).toBe("/a/bxc");
    });

    test.each([
      ["a string", /outside of Nix's string/, () => nix`"a ${"b"} c"`],
      ["an indented string", /outside of Nix's string/, () => nix`''a ${"b"} c''`],
      ["a string in an antiquotation", /outside of Nix's string/, () => nix`"\${f "${"b"}"}"`],
      ["an indented string after escapes", /outside of Nix's string/, () => nix`'' ''' ''\${ ''\n ${1} ''`],
      ["an indented string after a name with two quotes", /string/, () => nix`x'' ''${1}''`],
      ["an indented string after a path", /string/, () => nix`./a''${1}''`],
      ["an indented string after a path with an antiquotation", /string/, () => nix`./a/\${b}c''${1}''`],
      ["an indented string after a number", /string/, () => nix`1.5e5''${1}''`],
      ["a comment", /outside of Nix's comment/, () => nix`1 /* ${"b"} */`],
      ["a line's comment", /outside of Nix's comment/, () => nix`1 # ${"b"}`],
      ["a path", /outside of Nix's path/, () => nix`./a/${"b"}`],
      ["a URL", /outside of Nix's path/, () => nix`https://host/${"b"}`],
      ["a bracket that closes none", /brackets match/, () => nix`1) ${2} (`],
      ["brackets that cross", /brackets match/, () => nix`([1) ${2}]`],
    ])("is refused in %s", (_, message, template) => {
      expect(template).toThrow(
        expect.objectContaining({
          code: "ERR_ARGUMENT",
          message: expect.stringMatching(message),
        }),
      );
    });

    test.each(['"', "''", "/*", "(", "]", "{ a = 1; ", '"${', "a\0b"])(
      "is not of an expression that does not end: %j",
      (text) => {
        expect(() => new NixExpression(text)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
      },
    );

    test("needs a template", () => {
      const call = nix as unknown as (text: unknown) => unknown;
      for (const wrong of ["1", ["1"], undefined]) {
        expect(() => call(wrong)).toThrow(/used as a template/);
      }
    });
  });
});

/** Floats have the six digits that every Nix prints. */
function randomValue(random: Random, depth: number): NixInput {
  const text = (): string => {
    const alphabet = [
      "a",
      '"',
      "\\",
      "$",
      "{",
      "}",
      "'",
      "\n",
      "\r",
      "\t",
      "ü",
      "🎉",
      "\u0001",
      " ",
      "#",
      "/*",
    ];
    return Array.from({ length: random.below(8) }, () => random.pick(alphabet)).join("");
  };
  switch (depth === 0 ? random.below(5) : random.below(7)) {
    case 0:
      return text();
    case 1:
      return random.below(2 ** 32) - 2 ** 31;
    case 2:
      return random.pick([1n, -1n]) * (2n ** 53n + BigInt(random.below(2 ** 32)) ** 2n / 8n);
    case 3:
      return Number(`${random.pick(["-", ""])}${random.below(99_999) + 1}e${random.below(300) - 305}`);
    case 4:
      return random.pick([true, false, null]);
    case 5:
      return Array.from({ length: random.below(5) }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [text(), randomValue(random, depth - 1)]),
      );
  }
}

describe("a value that Nix has not", () => {
  const circle: { a: unknown[] } = { a: [] };
  circle.a.push({ back: circle });
  test.each<[string, unknown, RegExp]>([
    ["undefined", undefined, /^args must be a value that Nix has; received undefined/],
    [
      "a function",
      { a: [0, 1, { b: () => 1 }] },
      /^args\.a\[2\]\.b must be a value that Nix has; received a fun/,
    ],
    ["a symbol", { "a b": Symbol("s") }, /^args\["a b"\] must be a value that Nix has; received a symbol/],
    ["NaN", [Number.NaN], /^args\[0\] must be a finite number/],
    ["an infinity", { a: -Infinity }, /^args\.a must be a finite number/],
    ["a hole in an array", [1, , 2], /^args\[1\] must be a value that Nix has; received undefined/], // eslint-disable-line no-sparse-arrays
    ["a date", { when: new Date() }, /^args\.when must be a plain object/],
    ["a map", new Map([["a", 1]]), /^args must be a plain object/],
    ["bytes", Buffer.from("a"), /^args must be a plain object/],
    ["a circle", circle, /^args\.a\[0\]\.back must be a value without circles/],
    ["an integer beyond 64 bits", 2n ** 63n, /^args must be an integer of at most 64 bits/],
    ["a negative one", -(2n ** 63n) - 1n, /^args must be an integer of at most 64 bits/],
    ["a lone surrogate", "a\ud800", /^args must be well-formed Unicode/],
    ["a lone surrogate in a key", { "\udc00": 1 }, /^args\["\\udc00"\] must be well-formed Unicode/],
    ["a NUL", ["a\0b"], /^args\[0\] must be without NUL/],
  ])("is refused with the way to it: %s", (_, value, message) => {
    expect(() => toNix(value, "args")).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", message: expect.stringMatching(message) }),
    );
  });

  test("may be the same thing twice, and undefined for a key that is left out", () => {
    const shared = { a: 1 };
    expect(toNix({ x: shared, y: [shared, shared], z: undefined })).toBe(
      '{ "x" = { "a" = 1; }; "y" = [ { "a" = 1; } { "a" = 1; } ]; }',
    );
  });
});
