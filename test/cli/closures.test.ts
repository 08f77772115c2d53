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

  test("goes as deep as it is told, and shows what lay too deep where it comes again", async () => {
    const lines = async (...argv: string[]): Promise<string[]> =>
      (await ask("tree", ...argv)).stdout.toString().trimEnd().split("\n");
    expect(await lines(id("app-1"), "--depth", "0")).toEqual([id("app-1")]);
    expect(await lines(id("app-1"), "--depth", "1")).toEqual([id("app-1"), `├───${lib1}`, `└───${lib2}`]);
    // At depth 2 glibc is not open yet: nothing stands for what is below it.
    expect(await lines(id("app-1"), "--depth", "2")).toEqual([
      ...[id("app-1"), `├───${lib1}`, `│   └───${id("glibc-2.37")}`],
      ...[`└───${lib2}`, `    └───${id("glibc-2.37")}`],
    ]);
    expect(await lines(id("app-1"), "--depth", "9")).toEqual(await lines(id("app-1")));
    expect((await ask("tree", id("app-1"), "--depth", "-1")).code).toBe(2);
  });

  test("draws one for each path, and takes the names of what is in the closure of others", async () => {
    const one = await ask("tree", id("app-1"));
    const other = await ask("tree", lib2);
    const both = await ask("tree", id("app-1"), lib2);
    expect(both.stdout.toString()).toBe(`${one.stdout.toString()}${other.stdout.toString()}`);
    expect((await ask("tree", id("app-1"), "2".repeat(32))).stdout.equals(both.stdout)).toBe(true);
    expect(await json("tree", id("bpp-2"), "glibc", "--depth", "0")).toEqual([
      { path: id("bpp-2"), parent: null, depth: 0, repeated: false },
      { path: id("glibc-2.37"), parent: null, depth: 0, repeated: false },
    ]);
    expect((await ask("tree")).code).toBe(2);
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
    expect(await json("why-depends", from, to)).toEqual({ from, to, chain: [from, lib1, to], warnings: [] });
    expect(await json("why-depends", from, lib2, "--all")).toEqual({
      ...{ from, to: lib2 },
      edges: [{ from, to: lib2 }],
      warnings: [],
    });
    expect(await json("why-depends", from, from)).toEqual({ from, to: from, chain: [from], warnings: [] });
  });

  test("ends with 1 where there is no dependency, and names another build of what was asked for", async () => {
    for (const flags of [[], ["--all"]]) {
      const { code, stdout, stderr } = await ask("why-depends", id("bpp-2"), lib1, ...flags);
      expect([code, stdout.length]).toEqual([1, 0]);
      expect(stderr).toBe(
        `laminix: ${id("bpp-2")} does not depend on ${lib1}\nhint: of lib it depends on ${lib2}\n`,
      );
    }
  });

  test.each([
    ["a hash part", "g".repeat(32)],
    ["a base name", `${"g".repeat(32)}-glibc-2.37`],
    ["a name", "glibc"],
    ["a name with a version", "glibc-2.37"],
    ["a path inside it", `${id("glibc-2.37")}/lib`],
    ["the beginning of its path", "/nix/store/gggg"],
    ["the beginning of its base name", `/nix/store/${"g".repeat(32)}-gl`],
  ])("takes %s of what is in the closure", async (_, to) => {
    const found = await json("why-depends", id("bpp-2"), to);
    expect(found).toMatchObject({ to: id("glibc-2.37"), chain: [id("bpp-2"), lib2, id("glibc-2.37")] });
    expect(await json("why-depends", id("bpp-2"), to, "--all")).toMatchObject({ to: id("glibc-2.37") });
  });

  test.each(["lib", "lib-1.0"])("lists what %s may be, where that is more than one", async (to) => {
    const { code, stderr } = await ask("why-depends", id("app-1"), to);
    expect([code, stderr]).toEqual([
      1,
      `laminix: ${to} may be any of 2 store paths: ${lib1}, ${lib2}\nhint: give its name with its version, or its hash part\n`,
    ]);
    expect(await json("why-depends", id("bpp-2"), to)).toMatchObject({ to: lib2 });
  });

  test.each([
    ["glib", "ERR_PATH_NOT_VALID", 'nothing in the closure is named "glib"', "did you mean glibc or lib?"],
    [
      "glibc-2.36",
      "ERR_PATH_NOT_VALID",
      'nothing in the closure is named "glibc-2.36"',
      "did you mean glibc?",
    ],
    ["qqqqqqqq", "ERR_PATH_NOT_VALID", 'nothing in the closure is named "qqqqqqqq"', undefined],
    [
      "/nix/store/zzz",
      "ERR_PATH_NOT_VALID",
      "no store path in the closure begins with /nix/store/zzz",
      undefined,
    ],
    [
      "/nix/store/ggg-glibc",
      "ERR_PATH_NOT_VALID",
      "no store path in the closure begins with /nix/store/ggg-glibc",
      "did you mean glibc?",
    ],
    ["./nothing/here", "ERR_FILE_READ", "no such file: ./nothing/here", expect.any(String)],
    ["/nothing/here", "ERR_FILE_READ", "no such file: /nothing/here", expect.any(String)],
    [id("zlib-1"), "ERR_PATH_NOT_VALID", `${id("zlib-1")} is not valid in the store`, expect.any(String)],
    [
      `/nix/store/${"z".repeat(32)}-glibc-2.36`,
      "ERR_PATH_NOT_VALID",
      `/nix/store/${"z".repeat(32)}-glibc-2.36 is not valid in the store`,
      "did you mean glibc?",
    ],
  ])(
    "says of %s what is wrong with it, and what is like it",
    async (to, errorCode, message, hint: unknown) => {
      const { code, stderr } = await ask("why-depends", id("bpp-2"), to, "--json");
      expect([code, JSON.parse(stderr)]).toEqual([
        1,
        { error: { code: errorCode, message, ...(hint !== undefined && { hint }) }, warnings: [] },
      ]);
    },
  );

  test.each(["why-depends", "diff"])(
    "%s says of a FROM that is not there that there is no such file",
    async (command) => {
      const { code, stderr } = await ask(command, "./resutl", id("app-1"));
      expect([code, stderr]).toEqual([
        1,
        "laminix: no such file: ./resutl\nhint: a store path, or a link to one, is expected\n",
      ]);
    },
  );

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

  test("is a table for a pull request, with the totals", async () => {
    const { code, stdout, stderr } = await ask("diff", id("app-1"), id("bpp-2"), "--markdown");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.toString().split("\n")).toEqual([
      "| Package | Change | Before | After | Size |",
      "| --- | --- | --- | --- | ---: |",
      "| `app` | removed | `1` |  | -500 B |",
      "| `bpp` | added |  | `2` | +700 B |",
      "| `lib` | rebuilt |  |  | -20.0 kB |",
      "| **Total** |  | 4 paths, 1.05 MB | 3 paths, 1.03 MB | -19.8 kB |",
      "",
    ]);
    const same = await ask("diff", id("app-1"), id("app-1"), "--markdown");
    expect(same.stdout.toString()).toBe("No package changed: both closures are the same 4 paths, 1.05 MB.\n");
    expect((await ask("diff", id("app-1"), id("app-1"), "--markdown", "--json")).code).toBe(2);
  });

  test("has every path in JSON", async () => {
    expect(await json("diff", id("bpp-2"), lib2)).toEqual({
      warnings: [],
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
