import { describe, expect, test } from "vitest";
import { type ImageSpec, planLayers } from "../../dist/index.js";
import { formatJson, fromJs } from "../../dist/bytes/json.js";
import { auto } from "../../dist/layering/auto.js";
import { graphOf } from "../../dist/layering/graph.js";
import { Random } from "../support/random.js";
import { randomNodes } from "../layering/graphs.js";
import { application, id, storeOf } from "./graphStore.js";
import { referenceAuto, referencePopularity } from "../layering/reference.js";

async function plan(spec: Partial<ImageSpec>, store = application): Promise<readonly (readonly string[])[]> {
  const { layers } = await planLayers({ name: "image", ...spec }, { store });
  for (const { paths, narSize } of layers) {
    const closure = await store.closure(paths);
    expect(narSize).toBe(paths.reduce((sum, path) => sum + closure.get(path)!.narSize, 0));
  }
  return layers.map(({ paths }) => paths.map((path) => path.replace(/^.*?-/, "")));
}

/** Bytes of the NAR of a file with this text. */
const sizeOfConfig = (text: string): number => 112 + Math.ceil(text.length / 8) * 8;

describe("an image's layers of store paths", () => {
  test("are of the closure of the contents and of what the configuration names", async () => {
    const config = { Cmd: [`${id("config")}/bin/run`], Env: [`DATA=${id("x")}`] };
    expect((await plan({ contents: [id("lib")], config })).flat().toSorted()).toEqual([
      "config",
      "glibc",
      "lib",
      "x",
    ]);
  });

  test("have in them neither the configuration nor the contents, though these take part in planning", async () => {
    for (let maxLayers = 2; maxLayers < 12; maxLayers++) {
      for (const strategy of ["auto", "popularity"] as const) {
        const layers = await plan({ contents: [id("app")], config: { User: id("x") }, maxLayers, strategy });
        expect(layers.flat().toSorted()).toEqual(["app", "big", "glibc", "lib", "x"]);
        expect(layers.length).toBeLessThanOrEqual(maxLayers - 1);
        expect(layers.every((layer) => layer.length > 0)).toBe(true);
      }
    }
  });

  test("by strategy auto are planned with the configuration and the contents as two more nodes", async () => {
    const contents = [id("app"), id("lib")];
    const config = { Cmd: [id("big")] };
    const closure = await application.closure([...contents, id("big")]);
    // The sizes that Nix gives to the files that they are: a NAR of the JSON, and one of an empty tar and its checksum.
    const text = formatJson(fromJs({ architecture: "amd64", config, os: "linux" }, "config"));
    const nodes = [
      ...[...closure]
        .map(({ path, narSize, references }) => ({ name: path, narSize, references }))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
      { name: "config", narSize: sizeOfConfig(text), references: [id("big")], isVirtual: true },
      { name: "contents", narSize: 10_784, references: contents, isVirtual: true },
    ];
    for (let maxLayers = 2; maxLayers < 12; maxLayers++) {
      const spec = {
        name: "image",
        contents,
        config,
        maxLayers,
        architecture: "amd64",
        strategy: "auto",
      } as const;
      const { layers } = await planLayers(spec, { store: application });
      expect([maxLayers, layers.map(({ paths }) => paths)]).toEqual([
        maxLayers,
        referenceAuto(nodes, maxLayers - 1),
      ]);
    }
  });

  test("by strategy auto are so planned for random graphs", async () => {
    const random = new Random(21);
    for (let round = 0; round < 60; round++) {
      const paths = randomNodes(random, 2 + random.below(30));
      const store = storeOf(paths);
      const some = (): string[] => paths.filter(() => random.chance(0.15)).map(({ name }) => name);
      const [contents, named] = [some(), some()];
      const closure = await store.closure([...contents, ...named]);
      const text = formatJson(
        fromJs({ architecture: "amd64", config: { Cmd: named }, os: "linux" }, "config"),
      );
      const nodes = [
        ...paths.filter(({ name }) => closure.has(name)),
        { name: "config", narSize: sizeOfConfig(text), references: named, isVirtual: true },
        { name: "contents", narSize: 10_784, references: contents, isVirtual: true },
      ];
      const maxLayers = 2 + random.below(12);
      const spec = {
        ...{ name: "image", contents, config: { Cmd: named }, maxLayers, architecture: "amd64" },
        strategy: "auto",
      } as const;
      const { layers } = await planLayers(spec, { store });
      expect([round, layers.map(({ paths: layer }) => layer)]).toEqual([
        round,
        referenceAuto(nodes, maxLayers - 1),
      ]);
    }
  });

  test("by strategy popularity are planned without them", async () => {
    const random = new Random(19);
    for (let round = 0; round < 30; round++) {
      const nodes = randomNodes(random, 20);
      const contents = nodes.filter(() => random.chance(0.2)).map(({ name }) => name);
      const store = storeOf(nodes);
      const closure = await store.closure(contents);
      const inside = nodes.filter(({ name }) => closure.has(name));
      const spec = { name: "image", contents, maxLayers: 6, strategy: "popularity" } as const;
      const { layers } = await planLayers(spec, { store });
      expect(layers.map(({ paths }) => paths)).toEqual(
        contents.length === 0 ? [] : referencePopularity(inside, 5),
      );
    }
  });

  test("are none where store paths are to be left out, or where there are none", async () => {
    expect(await plan({ contents: [id("app")], includeStorePaths: false })).toEqual([]);
    expect(await plan({})).toEqual([]);
  });

  test("do not depend on the order of the contents", async () => {
    const names = ["app", "x", "config", "lib"].map(id);
    const first = await plan({ contents: names, maxLayers: 4 });
    expect(await plan({ contents: names.toReversed(), maxLayers: 4 })).toEqual(first);
    expect(await plan({ contents: [...names, ...names], maxLayers: 4 })).toEqual(first);
  });

  test("need a budget", async () => {
    for (const maxLayers of [-1, 0, 1]) {
      await expect(plan({ contents: [id("app")], maxLayers })).rejects.toMatchObject({
        code: "ERR_LAYER_BUDGET",
      });
    }
    expect(await plan({ contents: [id("app")], maxLayers: 2 })).toHaveLength(1);
  });

  test("fail for a path that the store does not have, in the contents or in the configuration", async () => {
    await expect(plan({ contents: [id("zlib")] })).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID" });
    await expect(plan({ config: { Cmd: [id("zlib")] } })).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      message: expect.stringContaining("the config names"),
    });
    await expect(plan({ contents: ["/etc/passwd"] })).rejects.toMatchObject({ code: "ERR_OUTSIDE_STORE" });
    await expect(plan({ contents: ["/nix/store/x"] })).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
  });

  test("do not hold what the configuration names as something that is not in the image", async () => {
    const config = { Env: [`out=${id("zlib")}`, `lib=${id("lib")}/lib, or ${id("x")}.`] };
    expect((await plan({ config, namedOnly: [id("zlib"), id("x")] })).flat().sort()).toEqual([
      "glibc",
      "lib",
    ]);
    await expect(plan({ config, namedOnly: ["/elsewhere"] })).rejects.toMatchObject({
      code: "ERR_OUTSIDE_STORE",
    });
  });

  test("can be 126 of 20,000 paths", async () => {
    const nodes = randomNodes(new Random(20), 20_000).map((node) => ({ ...node, name: node.name }));
    const contents = nodes.map(({ name }) => name);
    const { layers } = await planLayers(
      { name: "image", contents, maxLayers: 127 },
      { store: storeOf(nodes) },
    );
    expect(layers.flatMap(({ paths }) => paths)).toHaveLength(20_000);
    expect(layers.length).toBeLessThanOrEqual(126);
  });
});

describe("a graph made of a closure", () => {
  test("has its paths in order, whatever the closure's, and no edges from a node to itself", async () => {
    const graph = graphOf(await application.closure([id("app")]));
    expect(graph.names).toEqual(["app", "big", "glibc", "lib"].map(id));
    expect(graph.references).toEqual([[2, 3, 1], [2], [], [2]].map((row) => expect.arrayContaining(row)));
    expect(graph.references.map((row) => row.length)).toEqual([3, 1, 0, 1]);
    expect(graph.referrers[2]!.toSorted()).toEqual([0, 1, 3]);
    expect(auto(graph, 1)).toEqual([["app", "big", "glibc", "lib"].map(id)]);
  });
});
