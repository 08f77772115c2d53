import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GraphStore, openStore } from "../../dist/index.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";

const id = (name: string): string => `/nix/store/${name.charAt(0).repeat(32)}-${name}`;
const sri = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;

interface Entry {
  readonly path: string;
  readonly narHash: unknown;
  readonly narSize: number;
  readonly references: readonly string[];
}

function entry(name: string, references: readonly string[] = [], narSize = 100): Entry {
  return { path: id(name), narHash: sri, narSize, references: references.map(id) };
}

/** An application that uses two libraries, one of which refers to itself. */
const entries = [
  entry("app", ["lib", "glibc"]),
  entry("lib", ["glibc"], 50),
  entry("glibc", ["glibc"], 30),
  entry("x"),
];

describe("a reference graph in a file", () => {
  const forms: Readonly<Record<string, unknown>> = {
    "the list of exportReferencesGraph": entries,
    "the attributes of a structured derivation": { outputs: {}, graph: entries },
    "the list of older nix path-info": entries.map((each) => ({ ...each, valid: true })),
    "the object of nix path-info": Object.fromEntries(entries.map(({ path, ...fields }) => [path, fields])),
    "the object of nix path-info's format 2": {
      version: 2,
      storeDir: "/nix/store",
      info: Object.fromEntries(
        entries.map(({ path, narSize, references }) => [
          path.slice("/nix/store/".length),
          {
            narSize,
            narHash: { algorithm: "sha256", format: "base64", hash: Buffer.alloc(32, 7).toString("base64") },
            references: references.map((each) => each.slice("/nix/store/".length)),
          },
        ]),
      ),
    },
  };
  for (const [what, document] of Object.entries(forms)) {
    test(`is read from ${what}`, async () => {
      const store = GraphStore.parse(JSON.stringify(document), "graph.json");
      expect(await store.storeDir()).toBe("/nix/store");
      const closure = await store.closure(id("app"));
      expect(closure.paths).toEqual([id("glibc"), id("lib"), id("app")]);
      expect(closure.narSize).toBe(180);
      expect(closure.get(id("app"))).toMatchObject({ narHash: sri, narSize: 100 });
      expect(closure.references(id("app")).toSorted()).toEqual([id("glibc"), id("lib")]);
      expect(closure.references(id("glibc"))).toEqual([id("glibc")]);
      expect(closure.referrers(id("glibc")).toSorted()).toEqual([id("app"), id("glibc"), id("lib")]);
    });
  }

  test("has hashes in every form that Nix prints", async () => {
    const hash = "sha256-A6B5iNn90JnHYW2/GENzPKMZUlu7mSqHAqY7kt6DJCM=";
    const forms = [
      hash,
      "sha256:03a07988d9fdd099c7616dbf1843733ca319525bbb992a8702a63b92de832423",
      "sha256:08r4hgg94fx60a3jm6dvbd91k8rwfd1iigvdc73rkl7xv647k803",
    ];
    for (const narHash of forms) {
      const store = GraphStore.parse(JSON.stringify([{ ...entry("app"), narHash }]), "graph.json");
      expect([narHash, (await store.closure(id("app"))).get(id("app"))?.narHash]).toEqual([narHash, hash]);
    }
  });

  test("is of the store that its paths are in, /nix/store if it has none", async () => {
    const elsewhere = JSON.stringify(entries).replaceAll("/nix/store", "/my/own store");
    expect(await GraphStore.parse(elsewhere, "graph.json").storeDir()).toBe("/my/own store");
    const empty = GraphStore.parse("[]", "graph.json");
    expect(await empty.storeDir()).toBe("/nix/store");
    expect((await empty.closure([])).size).toBe(0);
  });

  test("has a reference once that the file names twice", async () => {
    const twice = [entry("app", ["lib", "lib"]), entry("lib")];
    const closure = await GraphStore.parse(JSON.stringify(twice), "graph.json").closure(id("app"));
    expect(closure.references(id("app"))).toEqual([id("lib")]);
    expect(closure.whyDependsAll(id("app"), id("lib"))).toHaveLength(1);
  });

  test("gives closures of several paths, and of paths inside them", async () => {
    const store = GraphStore.parse(JSON.stringify(entries), "graph.json");
    expect((await store.closure([`${id("lib")}/lib/lib.so`, id("x"), id("lib")])).paths).toEqual([
      id("glibc"),
      id("lib"),
      id("x"),
    ]);
  });

  test("finds a path by its hash part", async () => {
    const store = GraphStore.parse(JSON.stringify(entries), "graph.json");
    expect(await store.pathFromHashPart("l".repeat(32))).toBe(id("lib"));
    expect(await store.pathFromHashPart("z".repeat(32))).toBeUndefined();
  });

  test("refuses paths that are not in it, not in its store, or not store paths", async () => {
    const store = GraphStore.parse(JSON.stringify(entries), "graph.json");
    await expect(store.closure(id("zlib"))).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID" });
    await expect(store.closure("/usr/bin/env")).rejects.toMatchObject({ code: "ERR_OUTSIDE_STORE" });
    await expect(store.closure("/nix/store/x")).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
  });

  test("has no files of its own", () => {
    const store = GraphStore.parse(JSON.stringify(entries), "graph.json");
    expect(() => store.open(id("lib") as never)).toThrow(
      expect.objectContaining({ code: "ERR_PATH_NOT_ON_DISK" }),
    );
  });

  test.each([
    ["", "it is not JSON"],
    ["{", "it is not JSON"],
    ["1", "neither a list nor an object"],
    ["null", "neither a list nor an object"],
    ["[1]", "an entry has no path"],
    ["[{}]", "an entry has no path"],
    [JSON.stringify([{ ...entry("app"), narSize: "1" }]), "has no narSize"],
    [JSON.stringify([{ ...entry("app"), narSize: -1 }]), "has no narSize"],
    [JSON.stringify([{ ...entry("app"), references: null }]), "has no references"],
    [JSON.stringify([entry("app", ["lib"])]), "which it does not describe"],
    [JSON.stringify({ [id("app")]: null }), "is not valid in the store"],
  ])("that is %s is refused", (text, why) => {
    expect(() => GraphStore.parse(text, "graph.json")).toThrow(
      expect.objectContaining({
        code: "ERR_GRAPH",
        message: expect.stringMatching(new RegExp(`^graph\\.json is not a reference graph: .*${why}`)),
        hint: expect.any(String),
      }),
    );
  });

  test("refuses paths that reference one another in a circle", async () => {
    const circle = [entry("app", ["lib"]), entry("lib", ["glibc"]), entry("glibc", ["app"])];
    const store = GraphStore.parse(JSON.stringify(circle), "graph.json");
    await expect(store.closure(id("app"))).rejects.toMatchObject({ code: "ERR_GRAPH" });
  });

  test("may be as deep as it likes", async () => {
    const name = (i: number): string => `/nix/store/${String(i).padStart(32, "0")}-x`;
    const chain = Array.from({ length: 20_000 }, (_, i) => {
      return { path: name(i), narHash: sri, narSize: 1, references: i > 0 ? [name(i - 1)] : [] };
    });
    const closure = await GraphStore.parse(JSON.stringify(chain), "graph.json").closure(name(19_999));
    expect(closure.paths).toEqual(chain.map(({ path }) => path));
  });

  test("that cannot be read is an error with its path", async () => {
    await using folder = await temporaryFolder();
    expect(() => GraphStore.read(folder.join("absent"))).toThrow(
      expect.objectContaining({ code: "ERR_FILE_READ", details: { path: folder.join("absent") } }),
    );
    writeFileSync(folder.join("graph.json"), JSON.stringify(entries));
    expect((await GraphStore.read(folder.join("graph.json")).closure(id("app"))).size).toBe(3);
  });
});

describeWith(["nix-daemon", "nix"], "what nix path-info prints", () => {
  let nix: NixStore;
  beforeAll(async () => {
    nix = await startNixStore();
  });
  afterAll(() => nix[Symbol.asyncDispose]());

  test("gives the closure that the daemon gives", async () => {
    const library = await nix.addTextFile("library", "a library\n");
    const other = await nix.addTextFile("other", "another\n");
    const self = nix.pathFor("self");
    await nix.addTree("self", (place) => writeFileSync(place, self), { references: [self, library] });
    const top = await nix.addTextFile("top", `${self} ${other}`, [self, other]);
    const { stdout } = await nix.run("nix", ["path-info", "--recursive", "--json", top]);
    const fromFile = await GraphStore.parse(stdout.toString(), "graph.json").closure(top);
    await using store = await openStore(nix.uri);
    const fromDaemon = await store.closure(top);
    const facts = ({
      path,
      narHash,
      narSize,
      references,
    }: typeof fromDaemon extends Iterable<infer T> ? T : never) => {
      return { path, narHash, narSize, references: references.toSorted() };
    };
    const byPath = (one: { path: string }, two: { path: string }): number => (one.path < two.path ? -1 : 1);
    expect([...fromFile].map(facts).sort(byPath)).toEqual([...fromDaemon].map(facts).sort(byPath));
    expect(fromFile.size).toBe(4);
  });
});
