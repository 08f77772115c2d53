import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ImageSpec, planLayers, type LayersPlan, planTogether } from "../../dist/index.js";
import { failureOf } from "../support/failure.js";
import {
  type ArchivePart,
  archiveOf,
  configOf,
  layerOf,
  Layout,
  named,
  onPlatform,
  tarOf,
} from "../support/images.js";
import { Random } from "../support/random.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type Entry, storeOf } from "./graphStore.js";

let folder: TemporaryFolder;
let layer: Buffer;
beforeAll(async () => {
  folder = await temporaryFolder("previous");
  layer = await layerOf({ file: "never read" });
});
afterAll(() => folder[Symbol.asyncDispose]());

const MAX_LAYERS = 6;

/** Packages on top of one another, of sizes of all orders; in each release a few, and what needs them, are others. */
function release(number: number): Entry[] {
  const [sizes, others] = [new Random(1), new Random(number)];
  const nodes: (Entry & { readonly isNew: boolean })[] = [];
  for (let i = 0; i < 60; i++) {
    const below = nodes.slice(Math.max(0, i - 12), i).filter((_, at) => (i * 7 + at) % 9 === 0);
    const isUpdated = number > 1 && i % 10 === number % 10;
    const isNew = isUpdated || below.some((each) => each.isNew);
    const hash = String((i + 1) * 1000 + (isNew ? number : 0)).padStart(32, "0");
    const size = Math.exp(6 + sizes.next() * 12 + (isNew ? 4 * others.next() - 2 : 0));
    nodes.push({
      name: `/nix/store/${hash}-package${String(i)}-1.${isUpdated ? String(number) : "0"}`,
      narSize: Math.round(size),
      references: below.map(({ name }) => name),
      isNew,
    });
  }
  return nodes;
}

const planOf = (number: number, spec: Partial<ImageSpec> = {}): Promise<LayersPlan> => {
  const nodes = release(number);
  const contents = nodes.map(({ name }) => name);
  return planLayers(
    { name: "web", strategy: "balanced", maxLayers: MAX_LAYERS, contents, ...spec },
    { store: storeOf(nodes) },
  );
};

/** An image as nixpkgs makes it by a plan; nobody looks into its layers. */
const partsOf = ({ layers }: Pick<LayersPlan, "layers">) => ({
  layers: [...layers, undefined].map(() => layer),
  history: [...layers.map(({ paths }) => paths), ["/nix/store/00000000000000000000000000000000-it"]].map(
    (paths) => ({ created: "2020", comment: `store paths: ['${paths.join("', '")}']` }),
  ),
});

const write = (name: string, bytes: string | Buffer): string => {
  writeFileSync(folder.join(name), bytes);
  return folder.join(name);
};
const layoutOf = (name: string, fill: (layout: Layout) => unknown[]): string => {
  const layout = new Layout(folder.join(name));
  layout.index(fill(layout));
  return layout.folder;
};

describe("a plan after an image", () => {
  let before: LayersPlan;
  let expected: LayersPlan;
  beforeAll(async () => {
    before = await planOf(1);
    expected = await planOf(2, { previous: before });
    expect(expected).not.toEqual(await planOf(2));
  });

  test.each<[string, () => Promise<string>]>([
    ["a docker-archive", async () => write("a.tar", await archiveOf(partsOf(before)))],
    ["a compressed one", async () => write("a.tar.gz", gzipSync(await archiveOf(partsOf(before))))],
    ["an OCI layout", () => Promise.resolve(layoutOf("layout", (layout) => [layout.image(partsOf(before))]))],
    [
      "an archive of one",
      async () => {
        const from = layoutOf("packed", (layout) => [layout.image(partsOf(before))]);
        await mustRun("tar", ["-C", from, "-cf", folder.join("packed.tar"), "."]);
        return folder.join("packed.tar");
      },
    ],
    [
      "the plan in a pipe",
      async () => {
        const pipe = folder.join("pipe");
        await mustRun("mkfifo", [pipe]);
        setImmediate(
          () => void mustRun("sh", ["-c", 'printf %s "$1" >"$2"', "sh", JSON.stringify(before), pipe]),
        );
        return pipe;
      },
    ],
  ])("is that after its plan: %s", async (_, given) => {
    expect(await planOf(2, { previous: await given() })).toEqual(expected);
  });

  test("is the plan of the image where nothing has changed", async () => {
    const previous = write("same.tar", await archiveOf(partsOf(before)));
    expect(await planOf(1, { previous })).toEqual(before);
  });

  test("needs no layer to be there, but what a manifest and a configuration tell", async () => {
    const items = [
      { name: "config.json", body: configOf(partsOf(before)) },
      { name: "layer.tar", body: "damaged" },
      {
        name: "manifest.json",
        body: JSON.stringify([
          {
            Config: "config.json",
            RepoTags: null,
            Layers: partsOf(before).layers.map(() => "layer.tar"),
          },
        ]),
      },
    ];
    expect(await planOf(2, { previous: write("damaged.tar", await tarOf(items)) })).toEqual(expected);
  });

  test("is by the one for its platform, of several", async () => {
    const other = await planOf(7);
    const index = (...order: LayersPlan[]): string =>
      layoutOf(`platforms${order.indexOf(before).toString()}`, (layout) =>
        order.map((plan) => {
          const architecture = plan === before ? "arm64" : "amd64";
          return onPlatform(layout.image({ ...partsOf(plan), architecture }), architecture);
        }),
      );
    for (const previous of [index(before, other), index(other, before)]) {
      expect(await planOf(2, { previous, architecture: "arm64" })).toEqual(expected);
      expect(await planOf(2, { previous, architecture: "amd64" })).not.toEqual(expected);
      const error = await failureOf(planOf(2, { previous, architecture: "s390x" }));
      expect(error).toMatchObject({ code: "ERR_ARCHIVE", message: expect.stringContaining("linux/s390x") });
    }
  });

  test("is by the one that is called as it is, of several in an archive", async () => {
    const other = partsOf(await planOf(7));
    const own = { ...partsOf(before), tags: ["web:1", "web:latest"] };
    const archive = async (file: string, ...parts: ArchivePart[]): Promise<string> =>
      write(file, await archiveOf(...parts));
    const previous = await archive("both.tar", { ...other, tags: ["registry.example/web:1"] }, own);
    expect(await planOf(2, { previous })).toEqual(expected);
    expect(await planOf(2, { previous, name: "docker.io/library/Web" })).toEqual(expected);
    expect(await planOf(2, { previous: await archive("one.tar", { ...own, tags: ["x:1"] }) })).toEqual(
      expected,
    );
    // In a layout each name has an entry.
    const twice = layoutOf("twice", (layout) => {
      const image = layout.image(own);
      return [named(layout.image(other), "api:1"), named(image, "web:1"), named(image, "web:2")];
    });
    expect(await planOf(2, { previous: twice })).toEqual(expected);
    for (const [name, said] of [
      ["api", "none of them is called api: registry.example/web:1, web:1 web:latest"],
      ["registry.example/web/x", "none of them"],
    ] as const)
      expect(await failureOf(planOf(2, { previous, name }))).toMatchObject({
        code: "ERR_SPEC",
        message: expect.stringContaining(said),
        hint: expect.stringContaining("skopeo copy"),
      });
    const same = await archive("same-name.tar", { ...other, tags: ["web:0"] }, own);
    expect(await failureOf(planOf(2, { previous: same }))).toMatchObject({
      code: "ERR_SPEC",
      message: expect.stringContaining("more than one of them is called web"),
    });
  });
});

describe("a plan after several", () => {
  test("is by the one that is called as it is", async () => {
    const nodes = release(1);
    const contents = nodes.map(({ name }) => name);
    const specs = [
      { name: "api", contents: contents.slice(0, 15), maxLayers: MAX_LAYERS },
      { name: "web", contents, maxLayers: MAX_LAYERS },
    ];
    const planned = await planTogether(specs, { store: storeOf(nodes) });
    const { layers } = await planOf(1);
    const images = planned.images.map((image) => (image.name === "web" ? { ...image, layers } : image));
    const together = { ...planned, images };
    const expected = await planOf(2, { previous: { layers } });
    expect(await planOf(2)).not.toEqual(expected);
    expect(await planOf(2, { previous: together })).toEqual(expected);
    const previous = write("together.json", JSON.stringify(together));
    expect(await planOf(2, { previous })).toEqual(expected);
    const error = await failureOf(planOf(2, { previous, name: "worker" }));
    expect(error).toMatchObject({
      code: "ERR_SPEC",
      message: `${previous} has several images, and none of them is called worker: api, web`,
      hint: expect.stringContaining('"images"'),
    });
  });
});

describe("what changes often", () => {
  test("is learnt from images as from their plans", async () => {
    const plans = await Promise.all([1, 2, 3, 4, 5].map((number) => planOf(number)));
    const archives = plans.map(async (plan, i) => write(`v${String(i)}.tar`, await archiveOf(partsOf(plan))));
    const history = await Promise.all(archives);
    const expected = await planOf(6, { history: plans });
    expect(expected).not.toEqual(await planOf(6));
    expect(await planOf(6, { history })).toEqual(expected);
    expect(await planOf(6, { history: [...plans.slice(0, 2), ...history.slice(2)] })).toEqual(expected);
  });
});

describe.each(["previous", "history"] as const)("what %s names is refused", (key) => {
  const refusal = (place: string) =>
    failureOf(planOf(1, key === "previous" ? { previous: place } : { history: [place] }));

  test.each<[string, () => Promise<string> | string, string, RegExp, RegExp]>([
    ["is not there", () => "/nowhere/image.tar", "ERR_FILE_READ", /image\.tar, named by/, /docker:\/\//],
    [
      "is neither JSON nor an image",
      () => write("notes.txt", "some words\n"),
      "ERR_JSON",
      /notes\.txt, named by \w+, is not JSON, nor an image/,
      /docker-archive/,
    ],
    ["is empty", () => write("empty", ""), "ERR_JSON", /is not JSON, nor an image/, /laminix layers/],
    [
      "is a folder without an image",
      () => {
        mkdirSync(folder.join("folder"), { recursive: true });
        return folder.join("folder");
      },
      "ERR_ARCHIVE",
      /neither manifest\.json nor index\.json/,
      /OCI layouts/,
    ],
    [
      "is an archive of something else",
      () => tarOf([{ name: "a", body: "b" }]).then((tar) => write("other.tar", tar)),
      "ERR_ARCHIVE",
      /neither manifest\.json nor index\.json/,
      /OCI layouts/,
    ],
    [
      "is an image that tells of no store path",
      async () => write("debian.tar", await archiveOf({ layers: [layer], history: [{ comment: "x" }] })),
      "ERR_SPEC",
      /debian\.tar, named by \w+, tells of no layer of store paths/,
      /streamLayeredImage.*laminix layers/,
    ],
    ["is no name of an image", () => "docker://Upper/Case", "ERR_REFERENCE", /Upper\/Case/, /lower case/],
  ])("where it %s", async (_, place, code, message, hint) => {
    const error = await refusal(await place());
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error).toMatchObject({ hint: expect.stringMatching(hint) });
  });

  test("where it is a damaged archive", async () => {
    const packed = gzipSync(await archiveOf({ layers: [layer] }));
    expect(await refusal(write("cut.tar.gz", packed.subarray(0, -100)))).toMatchObject({
      code: "ERR_ARCHIVE",
    });
  });
});

test("an image is not opened for a plan that was given up", async () => {
  const nodes = release(1);
  const signal = AbortSignal.abort(new Error("given up"));
  const spec = { name: "web", strategy: "balanced", previous: "docker://127.0.0.1:1/web:1" } as const;
  const contents = nodes.map(({ name }) => name);
  await expect(planLayers({ ...spec, contents }, { store: storeOf(nodes), signal })).rejects.toThrow(
    "given up",
  );
});
