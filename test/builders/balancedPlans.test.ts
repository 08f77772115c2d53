import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  compareLayers,
  explainLayer,
  type ImageSpec,
  planLayers,
  type PlanTogether,
  planTogether,
  type ProgressEvent,
} from "../../dist/index.js";
import { graphOf } from "../../dist/layering/graph.js";
import { measure } from "../../dist/layering/measure.js";
import { Random } from "../support/random.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { application, type Entry, id, storeOf } from "./graphStore.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const hash = (seed: number): string => String(seed).padStart(32, "0");
const balanced = { name: "image", strategy: "balanced" } as const;

/** Packages on top of one another, sizes of all orders; a change gives it, and all that needs it, a new hash. */
function packages(random: Random, count: number): Entry[] {
  const names = Array.from({ length: count }, (_, i) => `/nix/store/${hash(i)}-package${i}-1.0`);
  return names.map((name, i) => ({
    name,
    narSize: Math.round(Math.exp(6 + random.next() * 12)),
    references: names.slice(Math.max(0, i - 40), i).filter(() => random.chance(0.05)),
  }));
}

function changed(
  nodes: readonly Entry[],
  at: number,
  random: Random,
  rename?: (name: string) => string,
): Entry[] {
  const touched = new Set([nodes[at]!.name]);
  for (const { name, references } of nodes)
    if (references.some((each) => touched.has(each))) touched.add(name);
  const names = new Map(
    nodes.map(({ name }, i) => {
      const fresh = touched.has(name) ? name.replace(/store\/0/, `store/${1 + (at % 9)}`) : name;
      return [name, i === at && rename ? rename(fresh) : fresh];
    }),
  );
  return nodes.map(({ name, narSize, references }) => ({
    name: names.get(name)!,
    narSize: touched.has(name) && !rename ? Math.round(narSize * (0.7 + random.next() * 0.6)) : narSize,
    references: references.map((each) => names.get(each)!),
  }));
}

const contentsOf = (nodes: readonly Entry[]): string[] => nodes.map(({ name }) => name);
async function layersOf(nodes: readonly Entry[], spec: Partial<ImageSpec>): Promise<string[][]> {
  const { layers } = await planLayers(
    { ...balanced, contents: contentsOf(nodes), ...spec },
    { store: storeOf(nodes) },
  );
  return layers.map(({ paths }) => [...paths]);
}
const shapes = (layers: readonly (readonly string[])[]): string[] =>
  layers.map((layer) =>
    layer
      .map((path) => path.slice(44))
      .sort()
      .join(),
  );

describe("a plan after a change", () => {
  test("has the same layers but for the hashes, where a version or a name is another", async () => {
    const random = new Random(41);
    const nodes = packages(random, 120);
    const before = shapes(await layersOf(nodes, { maxLayers: 30 }));
    let kept = 0;
    let all = 0;
    for (let at = 0; at < nodes.length; at += 3) {
      for (const rename of [
        (name: string) => name.replace("-1.0", "-1.1"),
        (name: string) => name.replace("package", "renamed"),
      ]) {
        const name = rename(nodes[at]!.name).slice(44);
        const after = shapes(await layersOf(changed(nodes, at, random, rename), { maxLayers: 30 }));
        const others = before.filter((layer) => !layer.split(",").includes(nodes[at]!.name.slice(44)));
        kept += others.filter((layer) => after.includes(layer)).length;
        all += others.length;
        expect(after.flatMap((layer) => layer.split(","))).toContain(name);
      }
    }
    expect(kept / all).toBeGreaterThan(0.95);
  });

  test("moves fewer bytes where it knows the plan before it, which it takes from a file or a value", async () => {
    const random = new Random(42);
    const nodes = packages(random, 150);
    const spec = { maxLayers: 20 };
    const previous = await planLayers(
      { ...balanced, ...spec, contents: contentsOf(nodes) },
      { store: storeOf(nodes) },
    );
    const old = new Set(previous.layers.map(({ paths }) => paths.join()));
    const file = folder.join("previous.json");
    writeFileSync(file, JSON.stringify(previous));
    let [anew, kept] = [0, 0];
    for (let at = 0; at < nodes.length; at += 7) {
      const next = changed(nodes, at, random);
      const sizes = new Map(next.map(({ name, narSize }) => [name, narSize]));
      const moved = (layers: string[][]): number =>
        layers
          .filter((layer) => !old.has(layer.join()))
          .flat()
          .reduce((sum, path) => sum + sizes.get(path)!, 0);
      const withPrevious = await layersOf(next, { ...spec, previous: file });
      expect(await layersOf(next, { ...spec, previous })).toEqual(withPrevious);
      expect(withPrevious.length).toBeLessThan(20);
      expect(withPrevious.flat().toSorted()).toEqual(contentsOf(next).toSorted());
      kept += moved(withPrevious);
      anew += moved(await layersOf(next, spec));
    }
    expect(kept).toBeLessThan(anew);
  });

  test("is the plan before it, where nothing changed", async () => {
    const nodes = packages(new Random(43), 80);
    const previous = await planLayers(
      { ...balanced, maxLayers: 12, contents: contentsOf(nodes) },
      { store: storeOf(nodes) },
    );
    expect(await layersOf(nodes, { maxLayers: 12, previous })).toEqual(
      previous.layers.map(({ paths }) => paths),
    );
  });

  test("keeps a budget that is smaller than before, and takes a plan of a wholly other image", async () => {
    const nodes = packages(new Random(44), 80);
    const options = { store: storeOf(nodes) };
    const previous = await planLayers({ ...balanced, maxLayers: 30, contents: contentsOf(nodes) }, options);
    expect(await layersOf(nodes, { maxLayers: 6, previous })).toHaveLength(5);
    const other = { layers: [{ paths: [id("glibc")] }] };
    expect(await layersOf(nodes, { maxLayers: 6, previous: other })).toEqual(
      await layersOf(nodes, { maxLayers: 6, previous: { layers: [] } }),
    );
  });

  test.each<[string, unknown, string]>([
    ["is no plan", { layers: "none" }, "ERR_SPEC"],
    ["names what is no store path", { layers: [{ paths: ["/etc/passwd"] }] }, "ERR_SPEC"],
    ["is in a file that is not there", "/nowhere/plan.json", "ERR_FILE_READ"],
  ])("is refused where what was before %s", async (_, previous, code) => {
    const spec = {
      ...balanced,
      contents: [id("app")],
      previous: previous as NonNullable<ImageSpec["previous"]>,
    };
    await expect(planLayers(spec, { store: application })).rejects.toMatchObject({ code });
  });

  test("is refused where the file of the plan before it is not JSON, or another document", async () => {
    const file = folder.join("not.json");
    for (const [text, code] of [
      ["{", "ERR_JSON"],
      ["[]", "ERR_SPEC"],
    ] as const) {
      writeFileSync(file, text);
      const spec = { ...balanced, contents: [id("app")] };
      await expect(planLayers({ ...spec, previous: file }, { store: application })).rejects.toMatchObject({
        code,
      });
      await expect(planLayers({ ...spec, history: [file] }, { store: application })).rejects.toMatchObject({
        code,
      });
    }
  });
});

describe("what is known of how paths change", () => {
  const nodes = packages(new Random(45), 100);
  const store = storeOf(nodes);
  const spec = { ...balanced, contents: contentsOf(nodes), maxLayers: 12 };

  async function movedBy(often: readonly string[], extra: Partial<ImageSpec>): Promise<number> {
    const graph = graphOf(await store.closure(spec.contents));
    const weights = Float64Array.from(graph.names, (name) => (often.includes(name) ? 1 / often.length : 0));
    const { layers } = await planLayers({ ...spec, ...extra }, { store });
    return measure(
      graph,
      layers.map(({ paths }) => paths),
      weights,
    ).moved;
  }

  test("makes plans that move less when that is what changes: by hints", async () => {
    const often = nodes.filter((_, i) => i % 10 === 3).map(({ name }) => name);
    const volatility = often.map((match) => ({ match, volatility: 100 }));
    expect(await movedBy(often, { volatility })).toBeLessThan(0.95 * (await movedBy(often, {})));
    const file = folder.join("hints.json");
    writeFileSync(file, JSON.stringify(volatility));
    expect(await movedBy(often, { volatility: file })).toBe(await movedBy(often, { volatility }));
  });

  test("makes plans that move less when that is what changes: by previous images", async () => {
    const often = nodes.filter((_, i) => i % 10 === 7).map(({ name }) => name);
    const history = [0, 1, 2, 3, 4, 5, 6, 7].map((round) => ({
      layers: [
        {
          paths: nodes.map(({ name }) => (often.includes(name) ? name.replace("-1.0", `-0.${round}`) : name)),
        },
      ],
    }));
    expect(await movedBy(often, { history })).toBeLessThan(0.95 * (await movedBy(often, {})));
    // Images that are all the same tell nothing.
    expect(await movedBy(often, { history: [history[0]!, history[0]!] })).toBe(await movedBy(often, {}));
  });

  const warnings = async (extra: Partial<ImageSpec>): Promise<string[]> => {
    const events: ProgressEvent[] = [];
    const options = { store: application, onProgress: (event: ProgressEvent) => events.push(event) };
    await planLayers({ ...balanced, contents: [id("app")], ...extra }, options);
    return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  };

  test("is warned of where a hint matches nothing", async () => {
    const hint = (match: string): { match: string; volatility: number } => ({ match, volatility: 2 });
    const volatility = [id("app"), "big", "gl*", "*ib", "zlib*", "bi"].map(hint);
    expect(await warnings({ volatility })).toEqual([
      'the hint "zlib*" matches no store path of the image',
      'the hint "bi" matches no store path of the image',
    ]);
  });

  test("is warned of where another strategy does not heed it", async () => {
    const known = {
      previous: { layers: [] },
      history: [{ layers: [] }],
      volatility: [{ match: "*", volatility: 2 }],
    };
    expect(await warnings({ strategy: "auto", ...known })).toEqual([
      "only the strategy balanced uses previous and history and volatility",
    ]);
    expect(await warnings(known)).toEqual([]);
  });

  test.each([
    ["below 0", [{ match: "x", volatility: -1 }]],
    ["that is no number", [{ match: "x", volatility: Number.NaN }]],
    ["that never changes, of all paths", [{ match: "*", volatility: 0 }]],
    ["of nothing", [{ match: "", volatility: 1 }]],
  ])("is refused where it is a volatility %s", async (_, volatility) => {
    await expect(warnings({ volatility })).rejects.toMatchObject({ code: "ERR_SPEC" });
  });
});

describe("the strategies compared", () => {
  test("have the measure of the plans that they make", async () => {
    const spec = { name: "image", contents: [id("app"), id("x")], maxLayers: 3 };
    const graph = graphOf(await application.closure(spec.contents));
    const { ideal, strategies } = await compareLayers(spec, { store: application });
    expect(strategies.map(({ strategy }) => strategy)).toEqual(["auto", "popularity", "balanced"]);
    for (const { strategy, layers, moved, efficiency } of strategies) {
      const plan = await planLayers({ ...spec, strategy: strategy as "auto" }, { store: application });
      expect({ layers, moved, efficiency, ideal }).toEqual({
        layers: plan.layers.length,
        ...measure(
          graph,
          plan.layers.map(({ paths }) => paths),
        ),
      });
    }
    const withPipeline = await compareLayers(
      { ...spec, layeringPipeline: [["split_every", 1]] },
      { store: application },
    );
    expect(withPipeline.strategies.at(-1)).toMatchObject({ strategy: "pipeline", layers: 5, efficiency: 1 });
  });

  test("tell what the search gained, and what it left alone", async () => {
    const nodes = packages(new Random(45), 120);
    const store = storeOf(nodes);
    const spec = { ...balanced, contents: contentsOf(nodes), maxLayers: 16 };
    const efficiencyOf = async (asked: ImageSpec): Promise<number> => {
      const { layers } = await planLayers(asked, { store });
      const graph = graphOf(await store.closure(spec.contents));
      return measure(
        graph,
        layers.map(({ paths }) => paths),
      ).efficiency;
    };
    const anew = await efficiencyOf(spec);
    const first = { ...spec, previous: { layers: [] } };
    const searched = await efficiencyOf(first);
    expect(searched).toBeGreaterThan(anew);
    const { search: without } = await compareLayers(spec, { store });
    expect(without).toEqual({
      ...{ before: anew, after: anew, moves: 0, horizon: null },
      left: { moves: expect.any(Number), efficiency: searched },
    });
    const { moves } = without.left;
    expect(moves).toBeGreaterThan(0);
    expect((await compareLayers(first, { store })).search).toEqual({
      ...{ before: anew, after: searched, moves, horizon: 20 },
      left: { moves: 0, efficiency: searched },
    });
    const previous = await planLayers(spec, { store });
    const kept = (await compareLayers({ ...spec, previous, horizon: 0 }, { store })).search;
    expect(kept).toEqual({ ...without, horizon: 0 });
    const explained = await explainLayer({ ...spec, previous, horizon: 0 }, contentsOf(nodes)[0]!, { store });
    expect(explained.search).toEqual(kept);
    const other = await explainLayer({ ...spec, strategy: "auto" }, contentsOf(nodes)[0]!, { store });
    expect(other).not.toHaveProperty("search");
  });
});

describe("where a path is, and why", () => {
  test("is told by numbers that hold", async () => {
    const spec = { ...balanced, contents: [id("app"), id("x")], maxLayers: 4 };
    const graph = graphOf(await application.closure(spec.contents));
    const { layers } = await planLayers(spec, { store: application });
    const plan = layers.map(({ paths }) => [...paths]);
    const moved = (changedPlan: typeof plan): number => measure(graph, changedPlan).moved;
    for (const path of plan.flat()) {
      const found = await explainLayer(spec, `${path}/bin/x`, { store: application });
      const at = plan.findIndex((layer) => layer.includes(path));
      expect(found).toMatchObject({ path, layer: at + 1, layers: plan.length, content: layers[at] });
      const without = plan.map((layer) => layer.filter((each) => each !== path));
      expect(found.alone).toBeCloseTo(moved([...without, [path]]) - moved(plan), 6);
      const elsewhere = plan.flatMap((_, to) =>
        to === at
          ? []
          : [moved(without.map((layer, i) => (i === to ? [...layer, path] : layer))) - moved(plan)],
      );
      expect(found.next!.more).toBeCloseTo(Math.min(...elsewhere), 6);
    }
  });

  test("is an error for a path that is in no layer", async () => {
    const spec = { ...balanced, contents: [id("lib")] };
    await expect(explainLayer(spec, id("app"), { store: application })).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
  });
});

describe("images planned together", () => {
  test("have what they share in the same layers, and no path that is not theirs, within each one's budget", async () => {
    const random = new Random(46);
    for (let round = 0; round < 25; round++) {
      const nodes = packages(random, 20 + random.below(60));
      const store = storeOf(nodes);
      const specs = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
        name: `image${i}`,
        contents: contentsOf(nodes).filter(() => random.chance(0.1)),
        maxLayers: 2 + random.below(20),
      }));
      const { images } = await planTogether(specs, { store });
      expect(images.map(({ name }) => name)).toEqual(specs.map(({ name }) => name));
      for (const [i, { layers }] of images.entries()) {
        const closure = await store.closure(specs[i]!.contents);
        expect(layers.flatMap(({ paths }) => paths).toSorted()).toEqual([...closure.paths].toSorted());
        expect(layers.length).toBeLessThanOrEqual(specs[i]!.maxLayers - 1);
      }
    }
  });

  test("share layers where budgets allow, at the bottom; apart they would have others", async () => {
    const nodes = packages(new Random(47), 120);
    const store = storeOf(nodes);
    const specs = [0, 1].map((i) => ({
      name: `image${i}`,
      contents: contentsOf(nodes).filter((_, at) => at % 3 !== i),
      maxLayers: 20,
    }));
    const bytesOf = (
      images: readonly { layers: readonly { paths: readonly string[]; narSize: number }[] }[],
    ): number =>
      [
        ...new Map(
          images.flatMap(({ layers }) => layers.map((each) => [each.paths.join(), each.narSize])),
        ).values(),
      ].reduce((sum, size) => sum + size, 0);
    const { images } = await planTogether(specs, { store });
    const apart = await Promise.all(specs.map((spec) => planLayers({ ...balanced, ...spec }, { store })));
    expect(bytesOf(images)).toBe((await store.closure(specs.flatMap(({ contents }) => contents))).narSize);
    expect(bytesOf(images)).toBeLessThan(bytesOf(apart));
    const [one, other] = images.map(({ layers }) => layers.map(({ paths }) => paths.join()));
    const shared = one!.filter((layer) => other!.includes(layer)).length;
    expect(shared).toBeGreaterThan(3);
    expect(one!.slice(0, shared)).toEqual(other!.slice(0, shared));
  });

  test("are searched where they follow others, and keep the layers that no change touches", async () => {
    const nodes = packages(new Random(48), 120);
    const specsOf = (entries: readonly Entry[], previous?: ImageSpec["previous"]): ImageSpec[] =>
      [0, 1].map((i) => ({
        ...{ name: `image${i}`, maxLayers: 20, previous },
        contents: contentsOf(entries).filter((_, at) => at % 3 !== i),
      }));
    const movedBy = async (plan: PlanTogether, entries: readonly Entry[]): Promise<number> => {
      const graph = graphOf(await storeOf(entries).closure(contentsOf(entries)));
      const layers = plan.images.flatMap((image) => image.layers.map(({ paths }) => paths));
      return measure(graph, [...new Map(layers.map((paths) => [paths.join(), paths])).values()]).moved;
    };
    const anew = await planTogether(specsOf(nodes), { store: storeOf(nodes) });
    let before = await planTogether(specsOf(nodes, { layers: [] }), { store: storeOf(nodes) });
    expect(await movedBy(before, nodes)).toBeLessThan(await movedBy(anew, nodes));
    expect(await planTogether(specsOf(nodes, before), { store: storeOf(nodes) })).toEqual(before);
    let now: readonly Entry[] = nodes;
    const random = new Random(49);
    for (const at of [110, 60, 30]) {
      now = changed(now, at, random);
      const next = await planTogether(specsOf(now, before), { store: storeOf(now) });
      const present = new Set<string>(contentsOf(now));
      for (const [i, { layers }] of before.images.entries()) {
        const kept = next.images[i]!.layers.map(({ paths }) => paths.join());
        for (const { paths } of layers)
          if (paths.every((path) => present.has(path))) expect(kept).toContain(paths.join());
        expect(kept.length).toBeLessThanOrEqual(19);
      }
      before = next;
    }
  });

  test("each follow the plan of their own name, and may follow plans that were made apart", async () => {
    const nodes = packages(new Random(50), 60);
    const store = storeOf(nodes);
    const specs = [0, 1].map((i) => ({
      ...{ name: `image${i}`, maxLayers: 10 },
      contents: contentsOf(nodes).filter((_, at) => at % 3 !== i),
    }));
    const apart = await Promise.all(specs.map((spec) => planLayers(spec, { store })));
    const { images } = await planTogether(
      specs.map((spec, i) => ({ ...spec, previous: apart[i]! })),
      { store },
    );
    for (const [i, { layers }] of images.entries()) {
      const closure = await store.closure(specs[i]!.contents);
      expect(layers.flatMap(({ paths }) => paths).toSorted()).toEqual([...closure.paths].toSorted());
    }
    const strange = {
      images: [
        { name: "other", layers: [] },
        { name: "another", layers: [] },
      ],
    };
    await expect(planTogether([{ ...specs[0]!, previous: strange }], { store })).rejects.toMatchObject({
      code: "ERR_SPEC",
    });
  });

  test("keep what hints say changes apart from what never does", async () => {
    const nodes = packages(new Random(53), 60);
    const store = storeOf(nodes);
    const restless = nodes[59]!.name;
    const specs = [0, 1].map((i) => ({
      name: `image${i}`,
      contents: contentsOf(nodes).filter((_, at) => at % 5 !== i),
      maxLayers: 5,
    }));
    const layerWith = async (volatility: ImageSpec["volatility"]): Promise<readonly string[]> => {
      const { images } = await planTogether(
        specs.map((spec) => ({ ...spec, volatility })),
        { store },
      );
      return images[0]!.layers.find(({ paths }) => paths.some((path) => path === restless))!.paths;
    };
    expect(await layerWith([])).not.toEqual([restless]);
    expect(
      await layerWith([
        { match: "*", volatility: 0.001 },
        { match: restless, volatility: 999 },
      ]),
    ).toEqual([restless]);
  });

  test("need a budget, and specs", async () => {
    const options = { store: application };
    await expect(planTogether([{ name: "a", maxLayers: 1 }], options)).rejects.toMatchObject({
      code: "ERR_LAYER_BUDGET",
    });
    await expect(planTogether({ name: "a" } as never, options)).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
    });
    expect(await planTogether([], options)).toEqual({ strategy: "balanced", images: [] });
  });
});
