import { mkdirSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layeringOf } from "../../dist/planning/layering.js";
import { Progress } from "../../dist/progress.js";
import { resolveSpec } from "../../dist/spec/spec.js";
import { type ImageSpec, planLayers, type ProgressEvent } from "../../dist/index.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { application, id, storeOf } from "./graphStore.js";

interface Planned {
  readonly strategy: string;
  readonly layers: readonly string[];
  readonly warnings: readonly string[];
}

async function plan(spec: Partial<ImageSpec>, store = application): Promise<Planned> {
  const events: ProgressEvent[] = [];
  const { strategy, layers } = await planLayers(
    { name: "image", contents: [id("app"), id("x")], ...spec },
    { store, onProgress: (event) => events.push(event) },
  );
  return {
    strategy,
    layers: layers.map(({ paths }) => paths.map((path) => path.replace(/^.*?-/, "")).join(" ")),
    warnings: events.map((event) => (event.type === "warning" ? event.message : event.type)),
  };
}

describe("a spec's layeringPipeline", () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());
  const file = (name: string, text: string): string => {
    writeFileSync(folder.join(name), text);
    return folder.join(name);
  };

  test("takes the place of strategy and maxLayers", async () => {
    const layeringPipeline = [
      ["subcomponent_out", [id("lib")]],
      ["over", "rest", ["split_every", 1]],
    ];
    for (const other of [{}, { maxLayers: 1 }, { maxLayers: -5, strategy: "popularity" }] as const) {
      expect(await plan({ ...other, layeringPipeline })).toEqual({
        strategy: "pipeline",
        layers: ["glibc lib", "x", "app", "big"],
        warnings: [],
      });
    }
  });

  test("that is null leaves things to the strategy", async () => {
    const spec = { layeringPipeline: null, maxLayers: 3 };
    expect(await plan(spec)).toEqual(await plan({ maxLayers: 3 }));
    expect((await plan(spec)).strategy).toBe("balanced");
  });

  test("of a popularity contest and a limit is the strategy popularity", async () => {
    const contents = ["app", "config", "x"].map(id);
    for (let maxLayers = 2; maxLayers < 9; maxLayers++) {
      const layeringPipeline = [["popularity_contest"], ["limit_layers", maxLayers - 1]];
      const strategy = await plan({ contents, strategy: "popularity", maxLayers });
      expect((await plan({ contents, layeringPipeline })).layers).toEqual(strategy.layers);
    }
  });

  test("sees neither the configuration nor the contents, only what they need", async () => {
    const config = { Cmd: [id("config")], Env: ["A=B"] };
    const layeringPipeline = [["split_every", 1]];
    expect((await plan({ contents: [id("lib")], config, layeringPipeline })).layers).toEqual([
      "config",
      "glibc",
      "lib",
    ]);
  });

  test("can be in a file, by its whole name or from the current folder", async () => {
    const name = file("layers.json", '[["split_every", 3.0]]');
    const expected = await plan({ layeringPipeline: [["split_every", 3]] });
    expect(await plan({ layeringPipeline: name })).toEqual(expected);
    expect(await plan({ layeringPipeline: nodePath.relative(process.cwd(), name) })).toEqual(expected);
  });

  test.each<[string, string, string]>([
    ["[[", "ERR_JSON", "bad.json, named by layeringPipeline, is not JSON"],
    ["{}", "ERR_SPEC", "bad.json: layeringPipeline must be a list of steps, not an empty object"],
    ['[["flaten"]]', "ERR_SPEC", 'bad.json: layeringPipeline[0] has an unknown operation "flaten"'],
    [
      '[["limit_layers", 2]]',
      "ERR_SPEC",
      "bad.json: layeringPipeline[0] (limit_layers) needs a list of graphs, got a graph",
    ],
    ['[["split_every", 1e999]]', "ERR_SPEC", "needs a whole number from 1 up, not Infinity"],
    ["[".repeat(1000), "ERR_JSON", "nested deeper"],
  ])("in a file that has %s is refused, with the file named", async (text, code, message) => {
    await expect(plan({ layeringPipeline: file("bad.json", text) })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test("in a file that is not there, or is a folder, is refused with its name", async () => {
    mkdirSync(folder.join("folder"));
    for (const name of ["missing.json", "folder"]) {
      await expect(plan({ layeringPipeline: folder.join(name) })).rejects.toMatchObject({
        code: "ERR_FILE_READ",
        message: expect.stringContaining(name),
        details: { path: folder.join(name) },
      });
    }
  });

  test("is checked before the store is asked, and where store paths are left out too", async () => {
    const layeringPipeline = [["flatten"], ["what"]];
    const error = { code: "ERR_SPEC", message: expect.stringContaining("layeringPipeline[1]") };
    await expect(plan({ layeringPipeline, contents: [id("zlib")] })).rejects.toMatchObject(error);
    await expect(plan({ layeringPipeline, includeStorePaths: false })).rejects.toMatchObject(error);
  });

  test("makes no layers, and warns of nothing, where store paths are left out or there are none", async () => {
    const layeringPipeline = [["remove_paths", [id("app"), id("zlib")]]];
    const none = { strategy: "pipeline", layers: [], warnings: [] };
    expect(await plan({ layeringPipeline, includeStorePaths: false })).toEqual(none);
    expect(await plan({ layeringPipeline: [["popularity_contest"]], contents: [] })).toEqual(none);
  });

  test("rejects with the signal's reason when aborted", async () => {
    const reason = new Error("enough");
    const spec = { name: "image", layeringPipeline: file("late.json", "[]") };
    const signal = AbortSignal.abort(reason);
    await expect(planLayers(spec, { store: application, signal })).rejects.toBe(reason);
  });

  test("that leaves paths out leaves them out of the image, and a warning tells how many", async () => {
    const remove = (names: string[]): Partial<ImageSpec> => ({
      layeringPipeline: [["remove_paths", names.map(id)]],
    });
    expect(await plan(remove(["glibc", "x"]))).toMatchObject({
      layers: ["app lib big"],
      warnings: ["2 store paths are in no layer: layeringPipeline leaves out what it removes"],
    });
    expect((await plan(remove(["x"]))).warnings).toEqual([
      expect.stringMatching(/^1 store path is in no layer/),
    ]);
    expect((await plan(remove(["app", "big", "glibc", "lib", "x"]))).layers).toEqual([]);
  });

  test("with a step none of whose paths is in the closure gives a warning that names the step", async () => {
    const inside = `${id("app")}/bin/app`;
    const layeringPipeline = [
      [
        "pipe",
        [
          ["split_paths", [id("app"), id("zlib")]],
          ["over", "main", ["remove_paths", inside]],
        ],
      ],
      ["flatten"],
      ["map", ["split_paths", [{ children_of: [id("zlib"), id("yes")] }]]],
      ["map", ["over", "rest", ["subcomponent_in", []]]],
    ];
    expect((await plan({ layeringPipeline })).warnings).toEqual([
      `layeringPipeline[0][1][1][2] (remove_paths) finds nothing: ${inside} is not in the closure`,
      "layeringPipeline[2][1] (split_paths) finds nothing: none of its 2 paths is in the closure",
    ]);
  });

  describe("that makes many layers", () => {
    const contents = Array.from(
      { length: 130 },
      (_, i) => `/nix/store/${String(i).padStart(32, "0")}-${String(i)}`,
    );
    const store = storeOf(contents.map((name) => ({ name, narSize: 1, references: [] })));
    const limited = (count: number): unknown[] => [
      ["split_every", 1],
      ["limit_layers", count],
    ];

    test("gives a warning where they are more than engines mount, and says how many to allow", async () => {
      expect((await plan({ contents, layeringPipeline: limited(126) }, store)).warnings).toEqual([]);
      expect((await plan({ contents, layeringPipeline: limited(127) }, store)).warnings).toEqual([
        'the image has 128 layers, and most engines cannot mount more than 127: end layeringPipeline with ["flatten"], ["limit_layers", 126]',
      ]);
    });

    test.each<[number, string[]]>([
      [26, []],
      [27, [expect.stringMatching(/^the image has 128 layers, .* \["limit_layers", 99\]$/)]],
      [130, ["the image has 231 layers, and most engines cannot mount more than 127"]],
    ])("counts those of the base image, %i", async (baseLayers, expected) => {
      const events: ProgressEvent[] = [];
      const layering = await layeringOf(
        {
          ...resolveSpec({ name: "image", layeringPipeline: limited(100), maxLayers: 1 }),
          architecture: "amd64",
        },
        baseLayers,
        { progress: new Progress((event) => events.push(event)) },
      );
      expect(layering(await store.closure(contents), [], new Set())).toHaveLength(100);
      expect(events).toEqual(expected.map((message) => ({ type: "warning", message })));
    });
  });
});
