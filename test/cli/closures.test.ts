import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type Outcome, runMain } from "./commandLine.js";

const id = (name: string): string => `/nix/store/${name.charAt(0).repeat(32)}-${name}`;
const node = (name: string, narSize: number, ...references: string[]): object => {
  return { path: id(name), narSize, references: references.map(id) };
};

/** Two versions of an application; the first brings two builds of a library. */
const graph = [
  node("glibc-2.37", 1_000_000, "glibc-2.37"),
  node("1ib-1.0", 20_000, "glibc-2.37"),
  node("2ib-1.0", 30_000, "glibc-2.37"),
  node("app-1", 500, "1ib-1.0", "2ib-1.0"),
  node("bpp-2", 700, "2ib-1.0"),
].map((each) =>
  JSON.parse(JSON.stringify(each).replaceAll(/([12])\1{31}-[12]ib/g, (text) => `${text.slice(0, 32)}-lib`)),
);
const [lib1, lib2] = ["1", "2"].map((digit) => `/nix/store/${digit.repeat(32)}-lib-1.0`) as [string, string];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
});
afterAll(() => folder[Symbol.asyncDispose]());

const ask = (...argv: string[]): Promise<Outcome> => runMain([...argv, "--graph", folder.join("graph.json")]);
const json = async (...argv: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await ask(...argv, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout.toString());
};

describe("laminix closure --sizes", () => {
  test("has a column for the NAR, the closure and what a path brings, dependencies first", async () => {
    const { code, stdout, stderr } = await ask("closure", id("app-1"), "--sizes");
    expect(code).toBe(0);
    expect(stdout.toString().split("\n")).toEqual([
      "     NAR   closure     added  path",
      ` 1.00 MB   1.00 MB   1.00 MB  ${id("glibc-2.37")}`,
      ` 20.0 kB   1.02 MB   20.0 kB  ${lib1}`,
      ` 30.0 kB   1.03 MB   30.0 kB  ${lib2}`,
      `   500 B   1.05 MB   1.05 MB  ${id("app-1")}`,
      "",
    ]);
    expect(stderr).toBe("4 store paths, 1.05 MB\n");
    expect((await ask("closure", id("app-1"), "--sizes", "--quiet")).stderr).toBe("");
  });

  test("adds the two sizes to each path's JSON, and only then", async () => {
    expect(await json("closure", id("bpp-2"), "--sizes")).toMatchObject([
      { path: id("glibc-2.37"), narSize: 1_000_000, closureSize: 1_000_000, addedSize: 1_000_000 },
      { path: lib2, narSize: 30_000, closureSize: 1_030_000, addedSize: 1_030_000 },
      { path: id("bpp-2"), narSize: 700, closureSize: 1_030_700, addedSize: 1_030_700 },
    ]);
    expect(JSON.stringify(await json("closure", id("bpp-2")))).not.toContain('Size":1030700');
  });
});

describe("laminix tree", () => {
  test("draws references, and [...] for what has been drawn", async () => {
    const { code, stdout, stderr } = await ask("tree", `${id("app-1")}/bin/app`);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.toString()).toBe(
      [
        id("app-1"),
        `├───${lib1}`,
        `│   └───${id("glibc-2.37")}`,
        `│       └───${id("glibc-2.37")} [...]`,
        `└───${lib2}`,
        `    └───${id("glibc-2.37")} [...]`,
        "",
      ].join("\n"),
    );
  });

  test("is a list of lines with their parents in JSON", async () => {
    expect(await json("tree", id("bpp-2"))).toEqual([
      { path: id("bpp-2"), parent: null, depth: 0, repeated: false },
      { path: lib2, parent: id("bpp-2"), depth: 1, repeated: false },
      { path: id("glibc-2.37"), parent: lib2, depth: 2, repeated: false },
      { path: id("glibc-2.37"), parent: id("glibc-2.37"), depth: 3, repeated: true },
    ]);
  });
});

describe("laminix why-depends", () => {
  test("draws the shortest chain, or all of them", async () => {
    const one = await ask("why-depends", id("app-1"), id("glibc-2.37"));
    expect(one).toEqual({
      code: 0,
      stdout: Buffer.from(`${id("app-1")}\n└───${lib1}\n    └───${id("glibc-2.37")}\n`),
      stderr: "",
    });
    const all = await ask("why-depends", id("app-1"), id("glibc-2.37"), "--all");
    expect(all.stdout.toString().split("\n")).toEqual([
      id("app-1"),
      `├───${lib1}`,
      `│   └───${id("glibc-2.37")}`,
      `└───${lib2}`,
      `    └───${id("glibc-2.37")}`,
      "",
    ]);
  });

  test("has the chain or the references in JSON", async () => {
    const [from, to] = [id("app-1"), id("glibc-2.37")];
    expect(await json("why-depends", from, to)).toEqual({ from, to, chain: [from, lib1, to] });
    expect(await json("why-depends", from, lib2, "--all")).toEqual({
      ...{ from, to: lib2 },
      edges: [{ from, to: lib2 }],
    });
    expect(await json("why-depends", from, from)).toEqual({ from, to: from, chain: [from] });
  });

  test("ends with 1 where there is no dependency, and names another build of what was asked for", async () => {
    for (const flags of [[], ["--all"]]) {
      const { code, stdout, stderr } = await ask("why-depends", id("bpp-2"), lib1, ...flags);
      expect([code, stdout.length]).toEqual([1, 0]);
      expect(stderr).toBe(
        `laminix: ${id("bpp-2")} does not depend on ${lib1}\nhint: of lib it depends on ${lib2}\n`,
      );
    }
    const { code, stderr } = await ask("why-depends", id("bpp-2"), id("zlib-1"), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "ERR_NO_DEPENDENCY", message: `${id("bpp-2")} does not depend on ${id("zlib-1")}` },
    });
  });

  test("draws a chain that is as deep as it likes", async () => {
    const path = (i: number): string => `/nix/store/${String(i).padStart(32, "0")}-x`;
    const chain = Array.from({ length: 2000 }, (_, i) => {
      return { path: path(i), narSize: 1, references: i > 0 ? [path(i - 1)] : [] };
    });
    writeFileSync(folder.join("chain.json"), JSON.stringify(chain));
    const argv = ["why-depends", path(1999), path(0), "--graph", folder.join("chain.json")];
    const one = await runMain(argv);
    expect(one.stdout.toString().split("\n")).toHaveLength(2001);
    expect(one.stdout.toString().split("\n").at(-2)).toBe(`${" ".repeat(4 * 1998)}└───${path(0)}`);
    expect((await runMain([...argv, "--all"])).stdout.equals(one.stdout)).toBe(true);
  });
});

describe("laminix diff", () => {
  test("has a line a package, and the bytes", async () => {
    const { code, stdout, stderr } = await ask("diff", id("app-1"), id("bpp-2"));
    expect(code).toBe(0);
    expect(stdout.toString()).toBe("app: 1 → ∅, -500 B\nbpp: ∅ → 2, +700 B\nlib: rebuilt, -20.0 kB\n");
    expect(stderr).toBe("3 packages changed, -19.8 kB (1.05 MB → 1.03 MB)\n");
    expect((await ask("diff", id("app-1"), id("app-1"))).stdout).toHaveLength(0);
  });

  test("has every path in JSON", async () => {
    expect(await json("diff", id("bpp-2"), lib2)).toEqual({
      changes: [
        {
          ...{ name: "bpp", kind: "removed", removedVersions: ["2"], addedVersions: [], narSizeDelta: -700 },
          removed: [{ path: id("bpp-2"), version: "2", output: "", narSize: 700 }],
          added: [],
        },
      ],
      before: { size: 3, narSize: 1_030_700 },
      after: { size: 2, narSize: 1_030_000 },
      narSizeDelta: -700,
    });
  });
});

describe("laminix duplicates", () => {
  test("names each package that is there more than once, and who brings it", async () => {
    const { code, stdout, stderr } = await ask("duplicates", id("app-1"), id("bpp-2"));
    expect(code).toBe(0);
    expect(stdout.toString()).toBe(
      `lib  2 paths, 50.0 kB\n   20.0 kB  ${lib1}  from app-1\n   30.0 kB  ${lib2}  from app-1, bpp-2\n`,
    );
    expect(stderr).toBe("1 package more than once, 50.0 kB\n");
    expect(await json("duplicates", id("bpp-2"))).toEqual([]);
    expect(await json("duplicates", id("app-1"))).toMatchObject([{ name: "lib", narSize: 50_000 }]);
  });
});

test.each([["closure"], ["tree"], ["duplicates"], ["why-depends", id("app-1")], ["diff", id("app-1")]])(
  "laminix %s refuses what is not in the store",
  async (...argv) => {
    const { code, stderr } = await ask(...argv, "/usr/bin/env", "--json");
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, "ERR_OUTSIDE_STORE"]);
    if (argv[0] === "why-depends") return;
    const absent = await ask(...argv, id("zlib-1"), "--json");
    expect([absent.code, JSON.parse(absent.stderr).error.code]).toEqual([1, "ERR_PATH_NOT_VALID"]);
  },
);
