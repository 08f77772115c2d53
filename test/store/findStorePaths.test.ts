import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findStorePaths, parseStorePath, type StorePathRange } from "../../dist/index.js";

const hash = "0123456789abcdfghijklmnpqrsvwxyz";
const hello = `/nix/store/${hash}-hello-2.12`;

describe("parseStorePath", () => {
  test("takes a path in a store apart", () => {
    expect(parseStorePath(`${hello}-man//share/./man/`)).toEqual({
      storeDir: "/nix/store",
      path: `${hello}-man`,
      baseName: `${hash}-hello-2.12-man`,
      hashPart: hash,
      ...{ name: "hello", version: "2.12", output: "man", inside: "share/man" },
    });
    expect(parseStorePath(`/a/b/${hash}-x`)).toMatchObject({ storeDir: "/a/b", version: "", inside: "" });
    expect(parseStorePath(`${hello}.drv`)).toMatchObject({ path: `${hello}.drv`, version: "2.12" });
  });

  test("takes the store's directory as it is given", () => {
    const nested = `/nix/store/${hash}-image/nix/store/${hash}-hello`;
    expect(parseStorePath(nested).path).toBe(`/nix/store/${hash}-image`);
    const { path, storeDir } = parseStorePath(nested, { storeDir: `/nix/store/${hash}-image/nix/store` });
    expect([path, storeDir]).toEqual([nested, `/nix/store/${hash}-image/nix/store`]);
  });

  test.each([
    ["/usr/bin/env", "ERR_OUTSIDE_STORE"],
    ["/nix/store/hello", "ERR_OUTSIDE_STORE"],
    [1, "ERR_ARGUMENT"],
  ])("refuses %s", (path, code) => {
    expect(() => parseStorePath(path as string)).toThrow(expect.objectContaining({ code }));
  });
});

const found = (text: string, storeDir?: string): [string, StorePathRange["path"], string][] =>
  findStorePaths(text, { storeDir }).map(({ start, end, path, inside }) => [
    ...[text.slice(start, end), path, inside],
  ]) as [string, StorePathRange["path"], string][];

describe("findStorePaths", () => {
  test.each([
    [`export PATH=${hello}/bin:${hello}-x/bin`, [`${hello}/bin`, `${hello}-x/bin`]],
    [`gcc -I${hello}/include -L${hello}/lib`, [`${hello}/include`, `${hello}/lib`]],
    [
      `[see ${hello}](file://${hello}/x.html), ${hello}; {${hello}}`,
      [hello, `${hello}/x.html`, hello, hello],
    ],
    [`It is in ${hello}. Or in ${hello}/bin/hello...`, [hello, `${hello}/bin/hello`]],
    [`error: path '${hello}' is not valid`, [hello]],
    [`Fehler: ‘${hello}’ <${hello}> "${hello}" \`${hello}\``, [hello, hello, hello, hello]],
    [`${hello}.drv^out ${hello}.drv!out,dev`, [`${hello}.drv`, `${hello}.drv`]],
    [`${hello}|${hello}\n${hello}/\t${hello}\0${hello}`, [hello, hello, `${hello}/`, hello, hello]],
    [JSON.stringify(`${hello}\n${hello}/a"b`), [hello, `${hello}/a`]],
    [`/mnt${hello}`, [hello]],
    [`/nix/store/${hash}-... /nix/store/${hash}- /nix/store/${hash.slice(1)}-x /nix/store/.links`, []],
    [`/nix/store/${hash.toUpperCase()}-x /nix/store/${hash}-${"n".repeat(212)}`, []],
    [`/nix/store/${hash}-${"n".repeat(211)}.`, [`/nix/store/${hash}-${"n".repeat(211)}`]],
    [`😀 ${hello}/ü😀/x y`, [`${hello}/ü😀/x`]],
  ])("finds in %j", (text, expected) => {
    expect(found(text).map(([written]) => written)).toEqual(expected);
  });

  test("tells the store path and what is inside it", () => {
    expect(found(`${hello}//bin/hello/.`)).toEqual([[`${hello}//bin/hello/`, hello, "bin/hello"]]);
    const escaped = `${hello}/share/x`.replaceAll("/", String.raw`\/`);
    expect(found(`{"path":"${escaped}"}`)).toEqual([[escaped, hello, "share/x"]]);
  });

  test("finds the paths of the store that it is told", () => {
    const text = `${hello} /a.b${hello} /axb${hello}`;
    expect(found(text, "/a.b/nix/store/")).toEqual([[`/a.b${hello}`, `/a.b${hello}`, ""]]);
    expect(() => findStorePaths("", { storeDir: "nix/store" })).toThrow(
      expect.objectContaining({ code: "ERR_STORE_URL" }),
    );
  });

  const nameCharacters = Array.from("0189azAZ+-._?=");
  const path = fc
    .tuple(
      fc.array(fc.constantFrom(...Array.from(hash)), { minLength: 32, maxLength: 32 }),
      fc.array(fc.constantFrom(...nameCharacters), { minLength: 1, maxLength: 211 }),
      fc.array(fc.array(fc.constantFrom(...nameCharacters, "@", "(", "ü"), { minLength: 1 }), {
        maxLength: 3,
      }),
    )
    .map(([digits, name, inside]) => [
      `/nix/store/${digits.join("")}-${name.join("")}`,
      inside.map((part) => part.join("")).join("/"),
    ])
    // Full stops at the end are not a path's.
    .filter(([base = "", inside = ""]) => !(inside || base).endsWith("."));
  const between = fc
    .tuple(
      fc.constantFrom(...Array.from(" \n\t\"'`:,;)]}<>|\0")),
      fc.string().map((text) => text.replaceAll("/", "-")),
      fc.constantFrom("", " ", "=", "-L", "file://", "("),
    )
    .map((parts) => parts.join(""));

  test("finds every path, and nothing else, whatever text stands between", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(path, between)), fc.boolean(), (parts, escapes) => {
        const written = ([base = "", inside = ""]: string[]): string => {
          const whole = inside ? `${base}/${inside}` : base;
          return escapes ? whole.replaceAll("/", String.raw`\/`) : whole;
        };
        const text = parts.map(([each, gap]) => written(each) + gap).join("");
        expect(found(text)).toEqual(parts.map(([each]) => [written(each), ...each]));
        for (const { path, inside } of findStorePaths(text)) {
          expect(parseStorePath(`${path}/x`).path).toBe(path);
          expect(text.replaceAll("\\/", "/")).toContain(inside ? `${path}/${inside}` : path);
        }
      }),
    );
  });

  test("finds the same in its own ranges, whatever the text", () => {
    const pieces = fc.constantFrom(
      "/nix/store/",
      "\\/nix\\/store\\/",
      `${hash}-`,
      hello,
      "/",
      ".",
      "..",
      "\\",
      "x",
      " ",
      "-",
      '"',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
        const text = parts.join("");
        let last = 0;
        for (const { start, end, path, inside } of findStorePaths(text)) {
          expect(start).toBeGreaterThanOrEqual(last);
          last = end;
          expect(findStorePaths(text.slice(start, end))).toEqual([
            { start: 0, end: end - start, path, inside },
          ]);
        }
      }),
    );
  });

  // What is not linear would not come to an end here.
  test.each([
    ["the beginnings of paths", "/nix/store/", 0],
    ["hash parts", hash, 0],
    ["slashes", "/", 0],
    ["full stops", ".", 0],
    ["escapes", "\\/", 0],
  ])("comes to the end of five megabytes of %s, behind a path and alone", (_, piece, count) => {
    const text = piece.repeat(5_000_000 / piece.length);
    expect(findStorePaths(text)).toHaveLength(count);
    expect(findStorePaths(`${hello}/${text} ${hello}`).at(-1)?.path).toBe(hello);
    expect(findStorePaths(`${hello} ${text}`)).toHaveLength(1);
  });

  test("finds 50,000 paths in five megabytes", () => {
    const text = `${hello}/${"x".repeat(45)}\n`.repeat(50_000);
    expect(text.length).toBeGreaterThan(5_000_000 * 0.9);
    expect(findStorePaths(text)).toHaveLength(50_000);
  });
});
