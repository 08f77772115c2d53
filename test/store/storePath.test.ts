import { describe, expect, test } from "vitest";
import {
  checkStoreDir,
  hashPart,
  storeDirOf,
  storePathsIn,
  toStorePath,
} from "../../dist/store/storePath.js";

const hash = "0123456789abcdfghijklmnpqrsvwxyz";
const hello = `/nix/store/${hash}-hello-2.12`;

describe("a store path", () => {
  test.each([
    [hello],
    [`${hello}/`],
    [`${hello}/bin/hello`],
    [`${hello}//bin/../../${hash}-hello-2.12/.`],
    [`/nix//store/./${hash}-hello-2.12/share`],
    [`/elsewhere/../nix/store/${hash}-hello-2.12`],
  ])("is found in %s", (text) => {
    expect(toStorePath(text)).toBe(hello);
    expect(toStorePath(text, "/nix/store")).toBe(hello);
  });

  test("may have every character of Nix's names, and 211 of them", () => {
    for (const name of ["x", ".hidden", "a+b-c._?=D9", "n".repeat(211)]) {
      expect(toStorePath(`/nix/store/${hash}-${name}`)).toBe(`/nix/store/${hash}-${name}`);
    }
  });

  test.each([
    [`/nix/store/${hash.slice(1)}-x`, "its hash has 31 characters, not 32"],
    [`/nix/store/e${hash.slice(1)}-x`, "without e, o, t and u"],
    [`/nix/store/${hash.toUpperCase()}-x`, "without e, o, t and u"],
    [`/nix/store/${hash}-`, "its name is missing"],
    [`/nix/store/${hash}`, "its name is missing"],
    [`/nix/store/${hash}-${"n".repeat(212)}`, "more than 211"],
    [`/nix/store/${hash}-a b`, "other than letters"],
    [`/nix/store/${hash}-ü`, "other than letters"],
    ["/nix/store/.links", "its hash has"],
  ])("is not %s, and the error says why", (text, why) => {
    expect(() => toStorePath(text, "/nix/store")).toThrow(
      expect.objectContaining({
        code: "ERR_STORE_PATH",
        message: expect.stringContaining(why),
        hint: expect.any(String),
      }),
    );
  });

  test.each([
    "/nix/store",
    "/nix/store/",
    "/nix/storage/x",
    "/",
    "",
    "nix/store",
    "hello",
    "/nix",
    `/other/${hash}-x`,
  ])("is not in the store in %j", (text) => {
    expect(() => toStorePath(text, "/nix/store")).toThrow(
      expect.objectContaining({ code: "ERR_OUTSIDE_STORE", details: { path: text, storeDir: "/nix/store" } }),
    );
  });

  test("may be in a store anywhere, even one inside another's path", () => {
    expect(toStorePath(`/a/b c/${hash}-x/y`)).toBe(`/a/b c/${hash}-x`);
    expect(toStorePath(`${hello}/nix/store/${hash}-inner/z`)).toBe(hello);
    expect(toStorePath(`${hello}/nix/store/${hash}-inner/z`, `${hello}/nix/store`)).toBe(
      `${hello}/nix/store/${hash}-inner`,
    );
    expect(storeDirOf(`/a/b/${hash}-x`)).toBe("/a/b");
    expect(storeDirOf(`/${hash}-x`)).toBeUndefined();
    expect(storeDirOf("/nix/store/x")).toBeUndefined();
  });

  test("has a hash part", () => {
    expect(hashPart(toStorePath(hello))).toBe(hash);
  });
});

describe("store paths in a text", () => {
  test("are found wherever they stand, each once", () => {
    const other = `/nix/store/${hash.slice(1)}0-other`;
    const text = JSON.stringify({
      a: `${hello}/bin/hello`,
      b: [`PATH=${other}/bin:${hello}/bin`],
      [other]: 1,
    });
    expect(storePathsIn(text, "/nix/store")).toEqual([hello, other]);
  });

  test("are only those of this store", () => {
    expect(
      storePathsIn(`/gnu/store/${hash}-x /nix/store/short-x /nixxstore/${hash}-x`, "/nix/store"),
    ).toEqual([]);
    expect(storePathsIn(`/my.store+/${hash}-x /myxstore+/${hash}-x`, "/my.store+")).toEqual([
      `/my.store+/${hash}-x`,
    ]);
  });
});

describe("a store's folder", () => {
  test("is absolute and not the root", () => {
    expect(checkStoreDir("/nix/store/")).toBe("/nix/store");
    expect(checkStoreDir("/a/../b//c")).toBe("/b/c");
    for (const bad of ["", "/", "nix/store", "./x", "/a/.."]) {
      expect(() => checkStoreDir(bad)).toThrow(expect.objectContaining({ code: "ERR_STORE_URL" }));
    }
  });
});
