/** What `laminix layers` tells with `--json`. */
import { z } from "zod";
import { bytes, count, type DocumentOf, facts, storePath, storePaths, text } from "./parts.js";

const GLIBC = "/nix/store/3dyw8dzj9ab4m8hv5dpyx7zii8d0w6fi-glibc-2.39-52";
const HELLO = "/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-hello-2.12.1";

const SEARCH = {
  before: 0.9914425475783013,
  after: 0.9914425475783013,
  moves: 0,
  left: { moves: 0, efficiency: 0.9914425475783013 },
  horizon: null,
};

const strategy = z
  .enum(["balanced", "auto", "popularity", "pipeline"])
  .describe("How store paths were grouped; `pipeline` is a `layeringPipeline`.");
const pathsAndSize = {
  paths: storePaths("Store paths."),
  narSize: bytes("of their NARs together"),
};
const layers = z
  .array(z.strictObject({ ...pathsAndSize, paths: storePaths("The store paths that share the layer.") }))
  .describe("The layers of store paths, bottom first.");

export const plan = facts({
  strategy,
  layers,
  closure: z
    .strictObject({ ...pathsAndSize, paths: storePaths("Dependencies first.") })
    .describe("Every store path that the image refers to, those of the base image included."),
}).meta({
  examples: [
    {
      strategy: "balanced",
      layers: [
        { paths: [GLIBC], narSize: 31_536_112 },
        { paths: [HELLO], narSize: 274_568 },
      ],
      closure: { paths: [GLIBC, HELLO], narSize: 31_810_680 },
      warnings: [],
    },
  ],
});
export type PlanDocument = DocumentOf<typeof plan>;

export const together = facts({
  strategy: z.literal("balanced").describe("Always that."),
  images: z
    .array(z.strictObject({ name: text("Of the image."), layers }))
    .describe("In the order of the specs."),
}).meta({
  examples: [
    {
      strategy: "balanced",
      images: [
        { name: "web", layers: [{ paths: [GLIBC], narSize: 31_536_112 }] },
        { name: "worker", layers: [{ paths: [GLIBC], narSize: 31_536_112 }] },
      ],
      warnings: [],
    },
  ],
});
export type TogetherDocument = DocumentOf<typeof together>;

const efficiency = (what: string): z.ZodNumber =>
  z.number().min(0).describe(`Efficiency, not rounded: ${what}.`);
const search = z.strictObject({
  before: efficiency("of the plan that the search began with"),
  after: efficiency("of the plan as it is"),
  moves: count("How many times a path was moved to another layer, or exchanged with one there."),
  left: z
    .strictObject({
      moves: count("How many more moves would make later changes move less."),
      efficiency: efficiency("of the plan with these moves"),
    })
    .describe("What is left alone, so that layers stay as they were."),
  horizon: z
    .number()
    .int()
    .min(0)
    .nullable()
    .describe("Within how many changes a move has to save what it costs; null without a previous plan."),
});

export const comparison = facts({
  ideal: z.number().min(0).describe("Bytes of the paths that a change touches, on average; not rounded."),
  strategies: z
    .array(
      z.strictObject({
        strategy,
        layers: count("How many layers of store paths there are."),
        moved: z
          .number()
          .min(0)
          .describe("Bytes of the layers that a change touches, on average; not rounded."),
        efficiency: z
          .number()
          .min(0)

          .describe("`ideal` / `moved`, not rounded; 1 where nothing is moved."),
      }),
    )
    .describe("One for each strategy."),
  search: search.describe("What the search of `balanced` did."),
}).meta({
  examples: [
    {
      ideal: 15_905_340,
      strategies: [{ strategy: "balanced", layers: 2, moved: 16_042_624, efficiency: 0.9914425475783013 }],
      search: SEARCH,
      warnings: [],
    },
  ],
});
export type ComparisonDocument = DocumentOf<typeof comparison>;

const part = (what: string): z.ZodNumber => z.number().min(0).describe(what);

export const explanation = facts({
  path: storePath("The store path."),
  narSize: bytes("of its NAR"),
  strategy,
  layer: count("The layer's number, from 1 at the bottom."),
  layers: count("How many layers of store paths there are."),
  content: z.strictObject(pathsAndSize).describe("The layer."),
  changes: part("How likely the next change is to change the path, from 0 to 1."),
  touched: part("How likely it is to touch the layer."),
  alone: z
    .number()
    .describe(
      "Bytes that would be moved more on average, were the path in a layer of its own; below 0 where that saves some.",
    ),
  next: z
    .strictObject({
      layer: count("Its number."),
      more: z.number().describe("Bytes that would be moved more on average."),
    })
    .optional()
    .describe("The next best layer, where there is another."),
  search: search.optional().describe("What the search of `balanced` did, where that is the strategy."),
}).meta({
  examples: [
    {
      path: HELLO,
      narSize: 274_568,
      strategy: "balanced",
      layer: 2,
      layers: 2,
      content: { paths: [HELLO], narSize: 274_568 },
      changes: 1,
      touched: 1,
      alone: 0,
      next: { layer: 1, more: 15_768_056 },
      search: SEARCH,
      warnings: [],
    },
  ],
});
export type ExplanationDocument = DocumentOf<typeof explanation>;
