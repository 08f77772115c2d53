/** The steps of a pipeline, as they are when they have been checked. */

interface At {
  /** Where it is written: `layeringPipeline[2][1]`. */
  readonly at: string;
}

/** By the names and with the arguments that nixpkgs gives them. */
export type Step = At &
  (
    | { readonly op: "popularity_contest" | "flatten" | "reverse" }
    | { readonly op: "limit_layers" | "split_every"; readonly count: number }
    | {
        readonly op: "subcomponent_in" | "subcomponent_out" | "remove_paths";
        readonly paths: ReadonlySet<string>;
      }
    | {
        readonly op: "split_paths";
        readonly paths: ReadonlySet<string>;
        /** Of `children_of`. */
        readonly parents: ReadonlySet<string>;
      }
    | { readonly op: "map"; readonly step: Step }
    | { readonly op: "over"; readonly part: string; readonly step: Step }
    | { readonly op: "pipe"; readonly steps: Pipeline }
  );

export type Pipeline = readonly Step[];
export type Operation = Step["op"];

/** How each operation is written. */
export const USAGE: Readonly<Record<Operation, string>> = {
  popularity_contest: '["popularity_contest"]',
  split_paths: '["split_paths", [PATH or {"children_of": PATH}, …]]',
  subcomponent_out: '["subcomponent_out", [PATH, …]]',
  subcomponent_in: '["subcomponent_in", [PATH, …]]',
  over: '["over", PART, STEP], where PART is "main", "common" or "rest"',
  pipe: '["pipe", [STEP, …]]',
  map: '["map", STEP]',
  flatten: '["flatten"]',
  reverse: '["reverse"]',
  limit_layers: '["limit_layers", COUNT]',
  split_every: '["split_every", COUNT]',
  remove_paths: '["remove_paths", [PATH, …]]',
};
