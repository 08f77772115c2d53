import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import {
  type ImageFlags,
  SPEC_OR_PATHS,
  specFrom,
  specsFrom,
  withBaseInput,
  withImageFlags,
  withLayerFlags,
} from "../imageFlags.js";
import type {
  ComparisonDocument,
  ExplanationDocument,
  PlanDocument,
  TogetherDocument,
} from "../documents/layers.js";
import type { StoreSource } from "../../store/storeSource.js";
import type { Io } from "../io.js";
import {
  comparisonSummary,
  comparisonTable,
  explanationText,
  layerLines,
  layersSummary,
  togetherSummary,
  togetherText,
} from "../layersText.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { memberArgument } from "../closureMember.js";
import { isSpec } from "../paths.js";
import { PLANNING } from "../progress.js";
import { imagesIn, type TrustFlags, withRegistries, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import type { ImageSpec } from "../../spec/spec.js";
import type { PlanningOptions } from "../../planning/buildOptions.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface LayersOptions extends CommonOptions, ImageFlags, TrustFlags, UnpackFlag {
  readonly compare?: boolean;
  readonly explain?: string;
}

const help = `
A line for each layer, from the bottom: its number, its bytes, how many store paths, and their names.
With --json: {"strategy","layers":[{"paths":[PATH,…],"narSize"},…],"closure":{…},"warnings":[…]}; docs/json.md has the
documents of --compare, --explain and several specs.

Examples:
  laminix layers ./result --max-layers 20
  laminix layers ./result --compare
  laminix layers a.json b.json --strategy balanced`;

export function layers(io: Io): Command {
  const own = command("layers", "show which store paths would share a layer")
    .option("--compare", "compare what each strategy would send again when a path changes")
    .option("--explain <PATH>", "which layer a store path (or its name, or hash part) would be in, and why");
  return withUnpackFlag(withTrustFlags(withLayerFlags(withImageFlags(own))))
    .argument("[SPEC|PATH...]", `${SPEC_OR_PATHS}; several specs are planned together`)
    .addHelpText("after", help)
    .action(async (args: string[], options: LayersOptions) => {
      const report = new Report(io, options, PLANNING);
      const { onProgress } = report;
      const answer = async (store: StoreSource, flags: LayersOptions): Promise<void> => {
        const isTogether = args.length > 1 && args.every((arg) => isSpec([arg]));
        const specs = isTogether
          ? await specsFrom(args, flags, store, io)
          : [await specFrom(args, flags, store, io)];
        return withRegistries(specs.flatMap(imagesIn), options, io, (registries) => {
          const { maxUnpacked } = options;
          const planning = { store, signal: io.signal, onProgress, registries, maxUnpacked };
          const [spec] = specs;
          return isTogether || !spec
            ? answerTogether(options, specs, planning, report)
            : answerTo(options, spec, planning, report);
        });
      };
      await withBaseInput(io, options, options, (flags) =>
        withStore(options, (store) => answer(store, flags)),
      );
    });
}

async function answerTogether(
  { compare, explain, strategy, pipeline }: LayersOptions,
  specs: readonly ImageSpec[],
  options: PlanningOptions,
  report: Report,
): Promise<void> {
  const isOther = strategy !== undefined && strategy !== "balanced";
  if (compare || isOther || [explain, pipeline].some((flag) => flag !== undefined))
    throw new LaminixError(
      "ERR_USAGE",
      "several images are planned together by balanced alone: --compare, --explain and --pipeline take one",
    );
  const { planTogether } = await import("../../planning/planTogether.js");
  const facts = await planTogether(specs, options);
  const people = { lines: [togetherText(facts)], summary: togetherSummary(facts) };
  await report.facts<TogetherDocument>(facts, people);
}

async function answerTo(
  { compare, explain }: LayersOptions,
  spec: ImageSpec,
  options: PlanningOptions,
  report: Report,
): Promise<void> {
  if (compare) {
    const { compareLayers } = await import("../../planning/compareLayers.js");
    const facts = await compareLayers(spec, options);
    const people = { lines: [comparisonTable(facts)], summary: comparisonSummary(facts) };
    await report.facts<ComparisonDocument>(facts, people);
  } else if (explain !== undefined) {
    const { explainLayer } = await import("../../planning/explainLayer.js");
    const facts = await explainLayer(spec, memberArgument(explain), options);
    await report.facts<ExplanationDocument>(facts, { lines: [explanationText(facts)] });
  } else {
    const { planLayers } = await import("../../planning/planLayers.js");
    const facts = await planLayers(spec, options);
    const people = { lines: [layerLines(facts)], summary: layersSummary(facts) };
    await report.facts<PlanDocument>(facts, people);
  }
}
