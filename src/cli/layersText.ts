/** Plans of layers as people read them. */
import type { LayersSearch } from "../planning/balanced.js";
import type { LayersComparison } from "../planning/compareLayers.js";
import type { LayerExplanation } from "../planning/explainLayer.js";
import type { PlannedLayer } from "../planning/plan.js";
import type { LayersPlan } from "../planning/planLayers.js";
import type { PlanTogether } from "../planning/planTogether.js";
import { type ShownText, type Span, styled } from "./colour.js";
import { bytes, counted, namesOf } from "../format.js";

export function layerLines({ layers }: { readonly layers: readonly PlannedLayer[] }): (string | Span)[] {
  if (layers.length === 0) return [];
  const heading = `${"layer".padStart(5)}  ${"size".padStart(8)}  ${"paths".padStart(5)}  names`;
  const lines = layers.flatMap(({ paths, narSize }, i) => {
    const rest = `  ${String(paths.length).padStart(5)}  ${namesOf(paths)}\n`;
    return [`${String(i + 1).padStart(5)}  `, styled("number", bytes(narSize).padStart(8)), rest];
  });
  return [styled("heading", heading), "\n", ...lines];
}

export function layersSummary({ layers, strategy, closure }: LayersPlan): string {
  if (layers.length === 0 && closure.paths.length > 0) {
    const closureOf = `${counted(closure.paths.length, "store path")}, ${bytes(closure.narSize)}`;
    return `no layers of store paths by ${strategyName(strategy)}; what the image refers to is ${closureOf}`;
  }
  const total = layers.reduce((sum, { narSize }) => sum + narSize, 0);
  return `${counted(layers.length, "layer")} by ${strategyName(strategy)}, ${bytes(total)}`;
}

function strategyName(strategy: LayersPlan["strategy"]): string {
  return strategy === "pipeline" ? "layeringPipeline" : `strategy ${strategy}`;
}

export function togetherText({ images }: PlanTogether): (string | Span)[] {
  return images.flatMap(({ name, layers }) => [styled("heading", name), "\n", ...layerLines({ layers })]);
}

export function togetherSummary({ images }: PlanTogether): string {
  const all = images.flatMap(({ layers }) => layers);
  const different = new Map(all.map((layer) => [layer.paths.join(), layer]));
  const size = (layers: Iterable<PlannedLayer>): number =>
    [...layers].reduce((sum, { narSize }) => sum + narSize, 0);
  const layers = counted(different.size, "different layer");
  return `${layers} by strategy balanced, ${bytes(size(different.values()))}; one by one the images are ${bytes(size(all))}`;
}

/** The best first. */
export function comparisonTable({ ideal, strategies, search }: LayersComparison): ShownText {
  const line = (name: string, layers: string, moved: string, efficiency: string): string =>
    `${name.padEnd(10)}  ${layers.padStart(6)}  ${moved.padStart(8)}  ${efficiency.padStart(10)}\n`;
  const rows = strategies
    .toSorted((one, other) => one.moved - other.moved)
    .map(({ strategy, layers, moved, efficiency }) =>
      line(strategy, String(layers), bytes(Math.round(moved)), efficiency.toFixed(3)),
    );
  return [
    styled("heading", line("strategy", "layers", "moved", "efficiency").trimEnd()),
    "\n",
    ...rows,
    line("(ideal)", "", bytes(Math.round(ideal)), "1"),
    ...searchLines(search),
  ];
}

export function comparisonSummary({ ideal }: LayersComparison): string {
  const least = bytes(Math.round(ideal));
  return `moved: bytes of the layers to send again when a store path changes, on average; ${least} is the least possible`;
}

/** Nothing, where the search changed nothing and left nothing. */
function searchLines({ before, after, moves, left, horizon }: LayersSearch): string[] {
  const made = `${counted(moves, "move")} raised the efficiency from ${before.toFixed(3)} to ${after.toFixed(3)}`;
  const others = counted(left.moves, moves > 0 ? "more move" : "move");
  const why =
    horizon === null
      ? "planned anew, the next image would have other layers (see --previous)"
      : `within ${counted(horizon, "change")} they do not save the bytes of the layers that they change (see --horizon)`;
  return [
    ...(moves > 0 ? [`search: ${made}\n`] : []),
    ...(left.moves > 0 ? [`search: ${others}, to ${left.efficiency.toFixed(3)}, left alone: ${why}\n`] : []),
  ];
}

export function explanationText(explanation: LayerExplanation): string {
  const { path, narSize, strategy, layer, layers, content, changes, touched, alone, next, search } =
    explanation;
  const others = content.paths.length - 1;
  const company =
    others === 0 ? "alone" : `with ${counted(others, "other path")}, ${bytes(content.narSize)} in all`;
  const more = (moved: number): string =>
    `${bytes(Math.abs(Math.round(moved)))} ${moved < 0 ? "less" : "more"} a change`;
  return [
    `${path}, ${bytes(narSize)}\n`,
    `  is in layer ${String(layer)} of ${String(layers)} by ${strategyName(strategy)}, ${company}\n`,
    `  changes with ${percent(changes)} of the changes; the layer is touched by ${percent(touched)}\n`,
    ...(others === 0 ? [] : [`  in a layer of its own, it would make ${more(alone)} be moved\n`]),
    ...(next ? [`  in layer ${String(next.layer)}, the next best, ${more(next.more)}\n`] : []),
    ...(search ? searchLines(search) : []),
  ].join("");
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
