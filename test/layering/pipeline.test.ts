import { describe, expect, test } from "vitest";
import { LaminixError } from "../../dist/index.js";
import { popularity } from "../../dist/layering/popularity.js";
import { parsePipeline } from "../../dist/layering/pipeline/parse.js";
import { runPipeline } from "../../dist/layering/pipeline/run.js";
import { Random } from "../support/random.js";
import { graphFrom, randomNodes } from "./graphs.js";
import { type PipelineCase, randomPipeline, referenceLayers } from "./pipelines.js";
import type { Node } from "./reference.js";

type Layers = readonly (readonly string[])[];

function layersOf({ nodes, pipeline }: PipelineCase): Layers {
  return runPipeline(parsePipeline(pipeline, "layeringPipeline"), graphFrom(nodes));
}

/** Nodes by their edges, and their sizes where the order is to be another than that of the names. */
function nodesOf(
  edges: Readonly<Record<string, string>>,
  sizes: Readonly<Record<string, number>> = {},
): Node[] {
  const targets = (name: string): string[] => (edges[name] ?? "").split(" ").filter((each) => each !== "");
  const names = new Set(Object.keys(edges).flatMap((name) => [name, ...targets(name)]));
  return [...names].sort().map((name) => ({ name, narSize: sizes[name] ?? 1, references: targets(name) }));
}

const words = (layers: Layers): string => layers.map((layer) => layer.join("")).join(" ");

describe("a layering pipeline", () => {
  test("makes the layers of its description for random graphs and random steps", async () => {
    const random = new Random(31);
    const cases = Array.from({ length: 1500 }, () => {
      const nodes = randomNodes(random, 1 + random.below(25), random.below(3));
      const names = nodes.map(({ name }) => name);
      return { nodes, pipeline: randomPipeline(random, names) };
    });
    const expected = await referenceLayers(cases);
    // The cases are worth something: few that do not fit, many that make more than a few layers.
    expect(expected.filter((layers) => layers === null).length).toBeLessThan(500);
    expect(expected.filter((layers) => layers !== null && layers.length > 3).length).toBeGreaterThan(250);
    for (const [i, each] of cases.entries()) {
      let layers: Layers | null;
      try {
        layers = layersOf(each);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_SPEC", hint: expect.any(String) });
        layers = null;
      }
      expect([i, each.pipeline, layers]).toEqual([i, each.pipeline, expected[i]]);
    }
  });

  test("of a popularity contest and a limit makes the layers of the strategy popularity", () => {
    const random = new Random(32);
    for (let round = 0; round < 200; round++) {
      const nodes = randomNodes(random, 1 + random.below(60));
      const limit = 1 + random.below(40);
      const pipeline = [["popularity_contest"], ["limit_layers", limit]];
      expect([round, layersOf({ nodes, pipeline })]).toEqual([round, popularity(graphFrom(nodes), limit)]);
    }
  });

  /** A sees B and C; C sees D and E. */
  const tree = nodesOf({ A: "B C", C: "D E", F: "" }, { D: 0, F: 2, B: 4, E: 5, C: 6, A: 10 });
  /** Two roots, with B below both, and E shared by B's and C's. */
  const shared = nodesOf({ Root1: "A", A: "B D", D: "E", B: "D F", Root2: "B", Root3: "C", X: "" });

  test.each<[string, unknown[], string]>([
    ["nothing gives one layer, its paths by their sizes", [], "DFBECA"],
    ["a graph flattened is a list of it", [["flatten"], ["map", ["split_every", 4]]], "DFBE CA"],
    ["split_every takes paths by their sizes", [["split_every", 4]], "DFBE CA"],
    ["split_every more than there are", [["split_every", 100]], "DFBECA"],
    ["remove_paths of a path", [["remove_paths", "B"]], "DFECA"],
    ["remove_paths of some, unknown ones ignored", [["remove_paths", ["B", "Z", "A"]]], "DFEC"],
    ["remove_paths of all", [["remove_paths", ["A", "B", "C", "D", "E", "F"]]], ""],
    ["subcomponent_out", [["subcomponent_out", ["C", "Z"]]], "DEC FBA"],
    [
      "subcomponent_out of unknown paths has an empty part, which is no layer",
      [["subcomponent_out", ["Z"]]],
      "DFBECA",
    ],
    ["subcomponent_in", [["subcomponent_in", ["D", "B"]]], "DBCA FE"],
    ["flatten of parts keeps their order", [["subcomponent_in", ["D"]], ["flatten"], ["reverse"]], "FBE DCA"],
    [
      "over changes a part where it stands",
      [
        ["subcomponent_out", ["C"]],
        ["over", "main", ["split_every", 2]],
      ],
      "DE C FBA",
    ],
    [
      "over can take several steps",
      [
        ["subcomponent_out", ["C"]],
        ["over", "rest", ["pipe", [["split_every", 2], ["reverse"]]]],
      ],
      "DEC A FB",
    ],
    [
      "pipe without steps changes nothing",
      [
        ["pipe", []],
        ["split_every", 3],
      ],
      "DFB ECA",
    ],
    [
      "limit_layers merges what is over",
      [
        ["split_every", 1],
        ["limit_layers", 3],
      ],
      "D F BECA",
    ],
    ["limit_layers to one", [["split_every", 1], ["reverse"], ["limit_layers", 1]], "ACEBFD"],
    [
      "limit_layers of as many",
      [
        ["split_every", 2],
        ["limit_layers", 3],
      ],
      "DF BE CA",
    ],
    [
      "limit_layers of fewer leaves no empty layer",
      [
        ["split_every", 2],
        ["limit_layers", 50],
      ],
      "DF BE CA",
    ],
    [
      "what limit_layers has merged is split in the order that it has",
      [["split_every", 1], ["reverse"], ["limit_layers", 2], ["map", ["split_every", 2]]],
      "A CE BF D",
    ],
    [
      "reverse of nested lists reverses the outer one",
      [["split_every", 3], ["map", ["split_every", 2]], ["reverse"]],
      "EC A DF B",
    ],
  ])("%s", (_, pipeline, expected) => {
    expect(words(layersOf({ nodes: tree, pipeline }))).toBe(expected);
  });

  test.each<[string, unknown[], string]>([
    ["finds no path", [["split_paths", ["Z"]]], "ABCDEFRoot1Root2Root3X"],
    ["has no path", [["split_paths", []]], "ABCDEFRoot1Root2Root3X"],
    ["splits off a root", [["split_paths", ["Root3"]]], "CRoot3 ABDEFRoot1Root2X"],
    ["splits off what others need too", [["split_paths", ["B"]]], "BF DE ACRoot1Root2Root3X"],
    ["splits off the children", [["split_paths", [{ children_of: "Root1" }]]], "A BDEF CRoot1Root2Root3X"],
    [
      "splits off the children of several",
      [["split_paths", [{ children_of: ["Root1", "Root3", "Z"] }]]],
      "AC BDEF Root1Root2Root3X",
    ],
    [
      "is given children of a path that has none",
      [["split_paths", [{ children_of: "X" }]]],
      "ABCDEFRoot1Root2Root3X",
    ],
    ["splits off all roots", [["split_paths", ["Root1", "Root2", "Root3", "X"]]], "ABCDEFRoot1Root2Root3X"],
  ])("split_paths that %s", (_, pipeline, expected) => {
    expect(words(layersOf({ nodes: shared, pipeline }))).toBe(expected);
  });

  test("split_paths of the only root makes all of it main", () => {
    const nodes = nodesOf({ A: "B C" });
    const pipeline = [
      ["split_paths", ["A", "B"]],
      ["over", "main", ["split_every", 1]],
    ];
    expect(words(layersOf({ nodes, pipeline }))).toBe("A B C");
  });

  test("split_paths cuts the edges that lead to its paths, so that later steps do not see them", () => {
    // With the edge from A to B, B would be more popular than A.
    const nodes = nodesOf({ R: "A B", A: "B" });
    const pipeline = [
      ["split_paths", ["A", "B"]],
      ["over", "main", ["popularity_contest"]],
    ];
    expect(words(layersOf({ nodes, pipeline }))).toBe("A B R");
  });

  test("never has the virtual nodes in it, nor their edges", () => {
    const config: Node = { name: "config", narSize: 0, references: ["B"], isVirtual: true };
    const nodes = [...nodesOf({ A: "", B: "" }), config];
    expect(words(layersOf({ nodes, pipeline: [] }))).toBe("AB");
    // With an edge from the configuration, B would be more popular than A.
    expect(words(layersOf({ nodes, pipeline: [["popularity_contest"]] }))).toBe("A B");
  });

  test("ranks the graph of nixpkgs' own test as nixpkgs does", () => {
    const layers = layersOf({ nodes: shared, pipeline: [["popularity_contest"]] });
    expect(layers.flat().join(" ")).toBe("E D F B A C Root1 Root2 Root3 X");
    expect(layers).toHaveLength(10);
  });

  test("puts no path into two layers", () => {
    const random = new Random(33);
    for (let round = 0; round < 500; round++) {
      const nodes = randomNodes(random, 1 + random.below(30));
      const pipeline = randomPipeline(
        random,
        nodes.map(({ name }) => name),
      );
      let paths: readonly string[] = [];
      try {
        paths = layersOf({ nodes, pipeline }).flat();
      } catch (error) {
        expect(error).toBeInstanceOf(LaminixError);
      }
      expect(new Set(paths).size).toBe(paths.length);
    }
  });

  test("plans 10,000 paths, however it splits them", () => {
    const nodes = randomNodes(new Random(34), 10_000);
    const some = nodes.filter((_, i) => i % 100 === 0).map(({ name }) => name);
    for (const pipeline of [
      [["popularity_contest"], ["limit_layers", 100]],
      [["split_every", 1], ["map", ["remove_paths", ["x"]]], ["map", ["popularity_contest"]], ["flatten"]],
      [
        ["split_paths", [...some, { children_of: some }]],
        ["over", "rest", ["pipe", [["popularity_contest"], ["reverse"], ["limit_layers", 40]]]],
        ["flatten"],
        ["map", ["split_every", 50]],
      ],
      [
        ["subcomponent_out", some],
        ["over", "main", ["subcomponent_in", some]],
      ],
    ]) {
      expect(new Set(layersOf({ nodes, pipeline }).flat()).size).toBe(10_000);
    }
  });

  test("ends where paths go round in a circle", () => {
    const circle = graphFrom(nodesOf({ A: "B", B: "C", C: "A", D: "A" }));
    const run = (pipeline: unknown[]): string => words(runPipeline(parsePipeline(pipeline, "p"), circle));
    expect(run([["split_paths", ["B"]]])).toBe("BC A D");
    expect(run([["subcomponent_in", ["A"]]])).toBe("ABCD");
    expect(() => run([["popularity_contest"]])).toThrow(expect.objectContaining({ code: "ERR_GRAPH" }));
  });
});

describe("a layering pipeline that is not one", () => {
  const parse = (value: unknown) => (): unknown => parsePipeline(value, "layeringPipeline");
  const deep = Array.from({ length: 1000 }).reduce<unknown>((inner) => ["map", inner], ["flatten"]);
  const round: unknown[] = ["map"];
  round.push(round);

  test.each<[unknown, string, string | undefined]>([
    [5, "layeringPipeline must be a list of steps, not 5", undefined],
    [{}, "layeringPipeline must be a list of steps, not an empty object", undefined],
    [[5], "layeringPipeline[0] must be a list that begins with an operation's name, not 5", undefined],
    [
      [[]],
      "layeringPipeline[0] must be a list that begins with an operation's name, not an empty list",
      undefined,
    ],
    [[null], "layeringPipeline[0] must be a list that begins with an operation's name, not null", undefined],
    [
      ["flatten"],
      'layeringPipeline[0] must be a list that begins with an operation\'s name, not "flatten"',
      'write ["flatten"]',
    ],
    [
      [["flatten"], [["flatten"]]],
      "layeringPipeline[1] must be a list that begins with an operation's name, not a list",
      undefined,
    ],
    [
      [["popularity"]],
      'layeringPipeline[0] has an unknown operation "popularity"',
      'the nearest known one is "popularity_contest"',
    ],
    [
      [["Limit_Layer", 3]],
      'layeringPipeline[0] has an unknown operation "Limit_Layer"',
      'the nearest known one is "limit_layers"',
    ],
    [[["constructor"]], 'layeringPipeline[0] has an unknown operation "constructor"', undefined],
    [
      [["reverse"], ["flatten", 1]],
      "layeringPipeline[1] (flatten) takes no arguments, not 1",
      'write ["flatten"]',
    ],
    [
      [["split_every"]],
      "layeringPipeline[0] (split_every) takes 1 argument, not 0",
      'write ["split_every", COUNT]',
    ],
    [[["over", "main"]], "layeringPipeline[0] (over) takes 2 arguments, not 1", undefined],
    [
      [["split_every", 0]],
      "layeringPipeline[0] (split_every) needs a whole number from 1 up, not 0",
      undefined,
    ],
    [
      [["limit_layers", "3"]],
      'layeringPipeline[0] (limit_layers) needs a whole number from 1 up, not "3"',
      undefined,
    ],
    [
      [["limit_layers", 1.5]],
      "layeringPipeline[0] (limit_layers) needs a whole number from 1 up, not 1.5",
      undefined,
    ],
    [
      [["limit_layers", true]],
      "layeringPipeline[0] (limit_layers) needs a whole number from 1 up, not true",
      undefined,
    ],
    [
      [["subcomponent_out", "A"]],
      'layeringPipeline[0] (subcomponent_out) needs a list of store paths, not "A"',
      'write ["subcomponent_out", [PATH, …]]',
    ],
    [[["subcomponent_in", [1]]], "layeringPipeline[0] (subcomponent_in) needs store paths, not 1", undefined],
    [
      [["remove_paths", {}]],
      "layeringPipeline[0] (remove_paths) needs a list of store paths, not an empty object",
      undefined,
    ],
    [
      [["split_paths", "A"]],
      'layeringPipeline[0] (split_paths) needs a list of store paths, not "A"',
      undefined,
    ],
    [
      [["split_paths", [{ childrenOf: "A" }]]],
      'layeringPipeline[0] (split_paths) needs store paths, or {"children_of": PATH}, not an object with the keys childrenOf',
      undefined,
    ],
    [
      [["split_paths", [{ children_of: [1] }]]],
      "layeringPipeline[0] (split_paths) needs store paths, not 1",
      undefined,
    ],
    [[["over", 1, ["flatten"]]], "layeringPipeline[0] (over) needs the name of a part, not 1", undefined],
    [
      [["over", "main", ["flatten", 1]]],
      "layeringPipeline[0][2] (flatten) takes no arguments, not 1",
      undefined,
    ],
    [
      [["map", "flatten"]],
      'layeringPipeline[0][1] must be a list that begins with an operation\'s name, not "flatten"',
      undefined,
    ],
    [
      [["map", ["pipe", [["flatten"], ["flattn"]]]]],
      'layeringPipeline[0][1][1][1] has an unknown operation "flattn"',
      'the nearest known one is "flatten"',
    ],
    [
      [["pipe", ["flatten"]]],
      'layeringPipeline[0][1][0] must be a list that begins with an operation\'s name, not "flatten"',
      undefined,
    ],
    [[["pipe", "flatten"]], 'layeringPipeline[0][1] must be a list of steps, not "flatten"', undefined],
    [[deep], "nested deeper than 64 levels", undefined],
    [[round], "nested deeper than 64 levels", undefined],
  ])("is refused, with the step named: %#", (value, message, hint) => {
    expect(parse(value)).toThrow(
      expect.objectContaining({
        code: "ERR_SPEC",
        message: expect.stringContaining(message),
        ...(hint !== undefined && { hint }),
        details: { key: "layeringPipeline", step: expect.stringMatching(/^layeringPipeline/) },
      }),
    );
  });

  const nodes = nodesOf({ A: "B C", C: "D E" });
  test.each<[unknown[], string, string]>([
    [
      [["popularity_contest"], ["split_every", 2]],
      "layeringPipeline[1] (split_every) needs a graph, got a list of graphs",
      'for each of them, write ["map", ["split_every", COUNT]]',
    ],
    [
      [["subcomponent_out", ["C"]], ["popularity_contest"]],
      "layeringPipeline[1] (popularity_contest) needs a graph, got the parts main, rest",
      'for one of them, write ["over", PART, ["popularity_contest"]]',
    ],
    [
      [["reverse"]],
      "layeringPipeline[0] (reverse) needs a list, got a graph",
      'make a list of the graph before it, for example with ["popularity_contest"]',
    ],
    [
      [
        ["split_paths", ["C"]],
        ["map", ["split_every", 2]],
      ],
      "layeringPipeline[1] (map) needs a list, got the parts main, rest",
      'put ["flatten"] before it',
    ],
    [
      [
        ["split_paths", ["C"]],
        ["limit_layers", 2],
      ],
      "layeringPipeline[1] (limit_layers) needs a list of graphs, got the parts main, rest",
      'put ["flatten"] before it',
    ],
    [
      [
        ["split_every", 2],
        ["map", ["split_every", 1]],
        ["limit_layers", 2],
      ],
      "layeringPipeline[2] (limit_layers) needs a list of graphs, got a list of lists",
      'put ["flatten"] before it',
    ],
    [
      [
        ["split_every", 2],
        ["map", ["subcomponent_in", ["A"]]],
        ["map", ["flatten"]],
        ["map", ["split_every", 1]],
      ],
      "layeringPipeline[3][1] (split_every) needs a graph, got a list of graphs",
      'for each of them, write ["map", ["split_every", COUNT]]',
    ],
    [
      [["over", "main", ["flatten"]]],
      "layeringPipeline[0] (over) needs parts, got a graph",
      "split_paths, subcomponent_out and subcomponent_in make them",
    ],
    [
      [
        ["split_paths", ["C"]],
        ["over", "common", ["flatten"]],
      ],
      'layeringPipeline[1] (over) needs a part "common", got the parts main, rest',
      "split_paths makes main, common and rest, but none that would be empty",
    ],
  ])("is refused with what an operation got and what it needs: %j", (pipeline, message, hint) => {
    expect(() => layersOf({ nodes, pipeline })).toThrow(
      expect.objectContaining({ code: "ERR_SPEC", message, hint }),
    );
  });
});
