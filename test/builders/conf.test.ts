/** What `laminix conf` makes of the attributes that Nix gives a builder, and what it refuses. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runMain } from "../cli/commandLine.js";
import { referenceLayers } from "../layering/pipelines.js";
import { referenceAuto, referencePopularity } from "../layering/reference.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describe("laminix conf", () => {
  let folder: TemporaryFolder;
  let store: string;
  let out: string;
  let graph: readonly { path: string; narSize: number; references: string[] }[];
  let virtual: readonly string[];
  let image: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    folder = await temporaryFolder("conf");
    store = folder.join("store");
    mkdirSync(store);
    out = `${store}/${"1".repeat(32)}-conf.json`;
    // In the order that the names give them.
    const [app, lib, libc, base, top] = ["app", "lib", "libc", "x-base.json", "x-top"].map(
      (name, i) => `${store}/${String(i).repeat(32)}-${name}`,
    ) as [string, string, string, string, string];
    // A closure as `exportReferencesGraph` tells it; the configuration names the library, the contents are the program.
    graph = [
      { path: app, narSize: 500, references: [lib, libc] },
      { path: lib, narSize: 9000, references: [libc, lib] },
      { path: libc, narSize: 7000, references: [] },
      { path: base, narSize: 300, references: [lib] },
      { path: top, narSize: 8000, references: [app] },
    ];
    virtual = [base, top];
    writeFileSync(
      base,
      `{"architecture":"arm64","config":{"z":1.0,"a":9007199254740993,"__proto__":"ü"},"os":"linux"}`,
    );
    image = {
      ...{ name: "My/Image", tag: null, fromImage: null, maxLayers: 100, layeringPipeline: null },
      ...{ strategy: "auto", created: "2024-05-06", mtime: "now", storeDir: store, baseJson: base },
      ...{ uid: 1000, gid: 100, uname: "alice", gname: "users", customisationLayer: top },
    };
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const conf = async (attributes: unknown): Promise<{ code: number; stderr: string; text: () => string }> => {
    const [file, output] = [folder.join("attrs.json"), folder.join("conf.json")];
    rmSync(output, { force: true });
    writeFileSync(file, typeof attributes === "string" ? attributes : JSON.stringify(attributes));
    const { code, stderr, stdout } = await runMain(["conf", file, "-o", output, "--quiet"]);
    expect(stdout.length).toBe(0);
    return { code, stderr, text: () => readFileSync(output, "utf8") };
  };
  const layersOf = async (changes: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const { code, stderr, text } = await conf({ outputs: { out }, graph, image: { ...image, ...changes } });
    expect([code, stderr]).toEqual([0, ""]);
    return (JSON.parse(text()) as { store_layers: unknown }).store_layers;
  };

  test("has nixpkgs' keys in their order, and the configuration as it was written", async () => {
    const { code, text } = await conf({ outputs: { out }, graph: [], image, system: "riscv64-linux" });
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(text()) as object)).toEqual(
      (
        "architecture config os store_dir from_image store_layers customisation_layer repo_tag created mtime uid gid " +
        "uname gname"
      ).split(" "),
    );
    const printed = await runMain(["conf", folder.join("attrs.json"), "-o", "-", "--quiet"]);
    expect(printed.stdout.toString()).toBe(text());
    const lines = text().split("\n");
    expect(lines.slice(2, 7).map((line) => line.trim())).toEqual([
      '"config": {',
      '"z": 1.0,',
      '"a": 9007199254740993,',
      String.raw`"__proto__": "\u00fc"`,
      "},",
    ]);
    expect(JSON.parse(text())).toMatchObject({
      ...{ architecture: "arm64", os: "linux", store_dir: store, from_image: null, store_layers: [] },
      ...{ customisation_layer: virtual[1], repo_tag: `my/image:${"1".repeat(32)}` },
      ...{ created: "2024-05-06T00:00:00+00:00", mtime: "now" },
      ...{ uid: "1000", gid: "100", uname: "alice", gname: "users" },
    });
  });

  test("plans with the two that are in no layer of store paths, where nixpkgs does", async () => {
    const nodes = graph.map(({ path: name, ...rest }) => ({
      name,
      ...rest,
      isVirtual: virtual.includes(name),
    }));
    const own = nodes.filter(({ isVirtual }) => !isVirtual);
    for (const maxLayers of [2, 3, 4, 5, 100]) {
      expect(await layersOf({ maxLayers })).toEqual(referenceAuto(nodes, maxLayers - 1));
      expect(await layersOf({ maxLayers, strategy: "popularity" })).toEqual(
        referencePopularity(own, maxLayers - 1),
      );
    }
  });

  test("runs a pipeline over what is in layers of store paths, whatever maxLayers is", async () => {
    const nodes = graph.map(({ path: name, ...rest }) => ({
      name,
      ...rest,
      isVirtual: virtual.includes(name),
    }));
    const pipelines = [
      [["popularity_contest"], ["limit_layers", 2]],
      [
        ["split_paths", [graph[1]!.path]],
        ["over", "main", ["pipe", [["popularity_contest"], ["reverse"]]]],
      ],
      [["remove_paths", graph[2]!.path]],
    ];
    const expected = await referenceLayers(pipelines.map((pipeline) => ({ nodes, pipeline })));
    for (const [i, layeringPipeline] of pipelines.entries()) {
      expect(await layersOf({ layeringPipeline, maxLayers: 1 })).toEqual(expected[i]);
      const file = folder.join("pipeline.json");
      writeFileSync(file, JSON.stringify(layeringPipeline));
      expect(await layersOf({ layeringPipeline: file })).toEqual(expected[i]);
    }
  });

  test.each<[string, (given: Record<string, unknown>) => unknown, RegExp]>([
    ["no JSON", () => "{", /attrs\.json is not JSON/],
    ["no object", () => [], /expected object/],
    ["no graph", (given) => ({ ...given, graph: undefined }), /graph: .*expected array/],
    ["no output", (given) => ({ ...given, outputs: {} }), /outputs\.out/],
    ["a graph of something else", (given) => ({ ...given, graph: [7] }), /an entry has no path/],
    ["a graph without the image", (given) => ({ ...given, graph: graph.slice(2, 3) }), /is not in /],
    [
      "an output elsewhere",
      (given) => ({ ...given, outputs: { out: "/tmp/x" } }),
      /\/tmp\/x is not in the Nix store/,
    ],
    [
      "a key that is none",
      (given) => ({ ...given, image: { ...image, tgo: 1 } }),
      /image: Unrecognized key: "tgo"/,
    ],
    ["a user that is none", (given) => ({ ...given, image: { ...image, uid: -1 } }), /image\.uid/],
    [
      "no base",
      (given) => ({ ...given, image: { ...image, baseJson: "/nowhere" } }),
      /\/nowhere cannot be read/,
    ],
    [
      "too few layers",
      (given) => ({ ...given, image: { ...image, maxLayers: 1 } }),
      /maxLayers is 1.*\nhint: raise maxLayers to 2/,
    ],
  ])("refuses %s, and writes nothing", async (_, change, message) => {
    const { code, stderr, text } = await conf(change({ outputs: { out }, graph: [], image }));
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(text).toThrow();
  });
});
