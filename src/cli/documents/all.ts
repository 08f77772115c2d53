/** Every document of `--json`, by the name of its schema: `laminix/json/NAME.schema.json`. */
import type { z } from "zod";
import * as closures from "./closures.js";
import * as images from "./images.js";
import * as layers from "./layers.js";
import * as others from "./others.js";

export interface Document {
  readonly schema: z.ZodType;
  /** Of the command line. */
  readonly command: string;
  /** With which the command has this document and no other. */
  readonly flags?: string;
}

const of = (command: string, schema: z.ZodType, flags?: string): Document => ({
  schema,
  command,
  ...(flags !== undefined && { flags }),
});

export const documents = {
  build: of("build", images.image),
  stream: of("stream", images.image),
  "build-image": of("build-image", images.image),
  "nix-shell": of("nix-shell", images.image),
  load: of("load", images.loaded),
  layers: of("layers", layers.plan),
  "layers-together": of("layers", layers.together, "SPEC SPEC…"),
  "layers-compare": of("layers", layers.comparison, "--compare"),
  "layers-explain": of("layers", layers.explanation, "--explain"),
  inspect: of("inspect", images.inspected),
  validate: of("validate", images.validated),
  export: of("export", images.file),
  merge: of("merge", images.merged),
  index: of("index", images.index, "--output"),
  "index-push": of("index", images.pushed, "--push"),
  push: of("push", images.pushed),
  "push-dry-run": of("push", images.pushPlan, "--dry-run"),
  pull: of("pull", images.pulled),
  lock: of("lock", images.locked),
  mounts: of("mounts", others.mounts),
  hold: of("hold", others.held),
  "hold-sweep": of("hold", others.swept, "--sweep"),
  closure: of("closure", closures.closure),
  "closure-sizes": of("closure", closures.sizes, "--sizes"),
  referrers: of("referrers", closures.paths),
  tree: of("tree", closures.tree),
  "why-depends": of("why-depends", closures.chain),
  "why-depends-all": of("why-depends", closures.edges, "--all"),
  diff: of("diff", closures.diff),
  duplicates: of("duplicates", closures.duplicates),
  roots: of("roots", closures.roots),
  store: of("store", closures.store),
  eval: of("eval", closures.value),
  realise: of("realise", closures.paths),
  cache: of("cache", others.cache),
  doctor: of("doctor", others.doctor),
  "stream-conf": of("stream-conf", images.confImage),
  conf: of("conf", images.file),
  customise: of("customise", images.customisation),
  blob: of("blob", images.file),
} as const satisfies Record<string, Document>;

/** On standard error. */
export const onStandardError = {
  error: others.failure,
  warnings: others.leftWarnings,
} as const satisfies Record<string, z.ZodType>;

/** Commands without a document, and what they print. */
export const withoutDocument: Readonly<Record<string, string>> = {
  run: "what the container's command prints",
  completion: "a script for a shell",
  help: "text",
  lsp: "the protocol of a language server",
};
