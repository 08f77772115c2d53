/** What the package exports, called with anything at all: an answer, or an error with a code. */
import { mkdirSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import * as laminix from "../../dist/index.js";
import { layeringOf } from "../../dist/planning/layering.js";
import { layeredConf } from "../../dist/builders/nixpkgs/conf.js";
import { permsRules } from "../../dist/spec/perms.js";
import { readPlan } from "../../dist/planning/previousImages.js";
import { resolveSpec } from "../../dist/spec/spec.js";
import { resolveSingleLayerSpec } from "../../dist/spec/singleLayerSpec.js";
import { readWeights } from "../../dist/planning/weights.js";
import { Progress } from "../../dist/progress.js";
import { DigestCache } from "../../dist/image/digestCache.js";
import { GraphStore } from "../../dist/store/graphStore.js";
import { parsePipeline } from "../../dist/layering/pipeline/parse.js";
import { answersNowOrIsCoded, answersOrIsCoded } from "../support/coded.js";
import { anything, anythingAtAll, docsLike, cases } from "../support/odd.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const PATH = `/nix/store/${"0".repeat(32)}-hello-2.12`;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("soak");
  // A cache that knows something: without one threads are started to hash.
  process.env["LAMINIX_CACHE_DIR"] = folder.join("cache");
  new DigestCache(folder.join("cache")).put("0".repeat(64), { diffId: `sha256:${"0".repeat(64)}`, size: 1 });
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

type Call = (...args: readonly unknown[]) => unknown;

/** These start programs where their first argument is good, so that the call is aborted. */
const EVALUATING = ["evaluate", "realise"];
/** Nobody but this library has reason to make one; the functions that make them are called. */
const MADE_HERE = ["ArgumentError", "LaminixError", "Closure", "GraphStore", "JsonNumber"];
const all = Object.entries(laminix as Readonly<Record<string, unknown>>).filter(
  ([name, value]) => typeof value === "function" && !MADE_HERE.includes(name),
) as [string, Call][];
all.push(["GraphStore.read", (file) => laminix.GraphStore.read(file as never)]);
all.push(["GraphStore.parse", (text, name) => laminix.GraphStore.parse(text as never, name as never)]);
const isClass = (value: Call): boolean => /^class\b/.test(Function.prototype.toString.call(value));

/** None of these is an image's name, a path that is there, or a place in a network. */
const texts = [
  "",
  " ",
  "\0",
  "/nowhere/at/all",
  "a b",
  "UPPER/case",
  "::",
  PATH,
  `${PATH}/x`,
  "docker://localhost:99999/x",
];

describe("an export answers, or refuses with a code:", () => {
  const aborted = { signal: AbortSignal.abort() };
  const argument = fc.oneof(
    anything(),
    fc.constantFrom(...texts).map((text) => () => text),
    fc.array(fc.constantFrom(...texts), { maxLength: 2 }).map((list) => () => list),
    fc.constantFrom<Record<string, unknown>>({}, aborted).map((options) => () => options),
  );
  const call = fc.tuple(fc.nat(all.length - 1), fc.array(argument, { maxLength: 4 }));
  test("whichever it is", async () => {
    await fc.assert(
      fc.asyncProperty(call, async ([at, makers]) => {
        const [name, run] = all[at]!;
        const args = makers.map((make) => make());
        await answersOrIsCoded(async () => {
          if (isClass(run)) {
            const made = new (run as unknown as new (...args: readonly unknown[]) => object)(...args);
            if ("close" in made) await (made.close as () => unknown)();
            return;
          }
          const answer = await (EVALUATING.includes(name) ? run(args[0], aborted) : run(...args));
          await used(answer);
        });
      }),
      cases,
    );
  });
});

/** Reads what is read, and closes what is closed. */
async function used(answer: unknown): Promise<void> {
  if (typeof answer !== "object" || answer === null) return;
  if (Symbol.asyncIterator in answer) for await (const _ of answer as AsyncIterable<unknown>);
  if ("close" in answer) await (answer.close as () => unknown)();
}

const silent = { progress: new Progress(undefined) };
const plan = { layers: [{ paths: [PATH] }] };
const pipeline = [
  ["subcomponent_out", [PATH]],
  ["over", "rest", ["pipe", [["popularity_contest"], ["limit_layers", 5]]]],
];
const spec = {
  ...{
    name: "a",
    tag: "1",
    contents: [PATH, { piece: "binSh" }],
    config: { Cmd: ["x"] },
    created: "@1",
    mtime: "now",
  },
  ...{
    maxLayers: 5,
    strategy: "balanced",
    uid: 1,
    gid: 2,
    uname: "u",
    gname: "g",
    architecture: "arm",
    variant: "v7",
  },
  ...{
    layeringPipeline: pipeline,
    previous: plan,
    history: [plan],
    volatility: [{ match: "a*", volatility: 2 }],
  },
  ...{
    perms: [{ path: "/a", regex: "x", mode: "0644", uid: 1 }],
    fromImage: null,
    extraCommands: "",
    passthru: {},
  },
  ...{
    annotations: { a: "b" },
    layerCompression: "zstd",
    layerCompressionLevel: 3,
    layerEncoder: "zlib",
    includeNixDB: false,
  },
} as const;

describe("what a user writes is taken, or refused with a code:", () => {
  test("a spec", () => {
    fc.assert(
      fc.property(docsLike(spec as never), (doc) => {
        answersNowOrIsCoded(() => permsRules(resolveSpec(doc as never).perms));
        answersNowOrIsCoded(() => resolveSingleLayerSpec(doc as never, silent.progress));
      }),
      cases,
    );
  });

  test("a spec of any values", () => {
    const values = fc.dictionary(fc.constantFrom(...Object.keys(spec)), anythingAtAll(), { maxKeys: 4 });
    fc.assert(
      fc.property(values, (makers) => {
        const made = Object.fromEntries(Object.entries(makers).map(([key, make]) => [key, make()]));
        answersNowOrIsCoded(() => resolveSpec({ name: "a", ...made }));
      }),
      cases,
    );
  });

  test("a pipeline", async () => {
    const keys = {
      previous: null,
      horizon: 20,
      history: [],
      volatility: [],
      maxLayers: 100,
      strategy: "auto",
    };
    const image = { name: "a", architecture: "amd64", variant: undefined };
    const store = GraphStore.parse(JSON.stringify([{ path: PATH, narSize: 1, references: [] }]), "it");
    const closure = await store.closure(PATH);
    await fc.assert(
      fc.asyncProperty(docsLike(pipeline as never), async (doc) => {
        answersNowOrIsCoded(() => parsePipeline(doc, "layeringPipeline"));
        // A text would be the name of a file.
        if (typeof doc === "string") return;
        await answersOrIsCoded(async () => {
          const layering = await layeringOf({ ...keys, ...image, layeringPipeline: doc } as never, 0, silent);
          layering(closure, [], new Set());
        });
      }),
      cases,
    );
  });

  test("a previous plan, a history and hints", async () => {
    const image = { name: "a", architecture: "amd64", variant: undefined };
    await fc.assert(
      fc.asyncProperty(docsLike(plan, { images: [{ name: "a", ...plan }] }), async (doc) => {
        await answersOrIsCoded(() => readPlan(doc, "previous", image, silent));
      }),
      cases,
    );
    const evidence = fc.record({
      history: fc.array(docsLike(plan), { maxLength: 2 }),
      volatility: docsLike(spec.volatility as never),
    });
    await fc.assert(
      fc.asyncProperty(evidence, async (given) => {
        await answersOrIsCoded(() => readWeights({ ...image, ...given } as never, silent));
      }),
      cases,
    );
  });
});

describe("a file of nixpkgs is read, or refused with a code:", () => {
  test("a conf.json", async () => {
    const conf = {
      ...{
        architecture: "amd64",
        config: { Cmd: ["x"] },
        store_dir: "/nix/store",
        from_image: null,
        os: "linux",
      },
      ...{
        store_layers: [[PATH]],
        customisation_layer: folder.join("nowhere"),
        repo_tag: "a:1",
        created: "@1",
      },
      ...{ mtime: "@1", uid: "0", gid: 0, uname: "root", gname: "root" },
    };
    const file = folder.join("conf.json");
    await fc.assert(
      fc.asyncProperty(docsLike(conf), async (doc) => {
        writeFileSync(file, JSON.stringify(doc));
        await answersOrIsCoded(async () => {
          for await (const _ of laminix.streamConf(file));
        });
      }),
      cases,
    );
  });

  test("the attributes of a derivation", async () => {
    mkdirSync(folder.join("customisation"));
    const base = folder.join("base.json");
    writeFileSync(base, JSON.stringify({ architecture: "amd64", config: {}, os: "linux" }));
    const attributes = {
      outputs: { out: PATH },
      graph: [{ path: PATH, narSize: 1, references: [PATH] }],
      image: {
        ...{
          name: "a",
          tag: "1",
          fromImage: null,
          maxLayers: 5,
          strategy: "auto",
          created: "@1",
          mtime: "@1",
        },
        ...{ storeDir: "/nix/store", baseJson: base, customisationLayer: folder.join("customisation") },
        ...{
          layeringPipeline: null,
          previous: null,
          horizon: 20,
          history: [],
          volatility: [],
          uid: 0,
          gid: 0,
        },
      },
    };
    const file = folder.join("attributes.json");
    await fc.assert(
      fc.asyncProperty(docsLike(attributes), async (doc) => {
        writeFileSync(file, JSON.stringify(doc));
        await answersOrIsCoded(() => layeredConf(file));
      }),
      cases,
    );
  });
});
