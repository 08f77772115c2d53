/**
 * What plans of layers move: for closures of several shapes and budgets, the efficiency of each strategy by the measure,
 * and that of updates that are planned again from nothing: a path and all that refers to it is replaced, sizes differ by
 * up to 2 %, and the bytes of layers count that were not there before. Then the same for chains of changes, each planned
 * after the plan before it. Then what is gained by knowing what changes often,
 * learnt from two releases of Debian and tried on the next, beside what could be gained by one who knew the future.
 */
import { auto } from "../dist/layering/auto.js";
import { balanced } from "../dist/layering/balanced/balanced.js";
import type { Graph, LayerPlan } from "../dist/layering/graph.js";
import { measure } from "../dist/layering/measure.js";
import { popularity } from "../dist/layering/popularity.js";
import { largePackages } from "../test/support/debianStore.js";
import { Random } from "../test/support/random.js";
import { previousLayers } from "../dist/planning/balanced.js";
import { weightsFrom } from "../dist/planning/weights.js";
import type { StorePath } from "../dist/store/storePath.js";
import {
  debianGraph,
  debianHistory,
  type Entry,
  graphFrom,
  type UpdatedEntry,
} from "./support/debianGraph.js";
import { derivations } from "./support/derivations.js";
import { serversByNar } from "./support/serversByNar.js";
import { table } from "./support/table.js";

const packages = {
  servers: largePackages,
  chromium: ["chromium"],
  libreoffice: ["libreoffice"],
  java: ["default-jdk", "maven"],
  science: ["python3-scipy", "python3-pandas", "python3-sklearn", "r-base"],
} as const;
const BUDGETS = [10, 25, 50, 100] as const;
/** How many changes are tried of a closure, about; of a smaller one, each path. */
const CHANGES = 200;

const strategies = { popularity, auto, balanced };
type Planner = (graph: Graph, limit: number) => LayerPlan;

export async function layers(): Promise<string> {
  const closures: [string, readonly Entry[]][] = [];
  for (const [name, wanted] of Object.entries(packages)) closures.push([name, await debianGraph(wanted)]);
  closures.push(["derivations", await derivations("ffmpeg")], ["chain", chain(200)]);
  closures.push(["servers by NAR", await serversByNar()]);
  const rows: string[][] = [];
  for (const [name, entries] of closures) {
    const graph = await graphFrom(entries);
    const changes = await changesOf(entries);
    for (const budget of BUDGETS) {
      const planners = Object.values(strategies);
      const efficiencies = [
        ...planners.map((strategy) => measure(graph, strategy(graph, budget)).efficiency),
        ...planners.map((strategy) => replanned(graph, changes, strategy, budget)),
      ];
      const what = `${name}, ${String(entries.length)} paths, ${String(budget)} layers`;
      const kept = await keptByVersions(entries, budget);
      rows.push([what, ...efficiencies.map((efficiency) => efficiency.toFixed(3)), kept]);
    }
  }
  const names = Object.keys(strategies);
  const head = ["efficiency", ...names, ...names.map((name) => `${name}, replanned`), "whole plans kept"];
  return [table(head, rows), await chained(closures), await learning()].join("\n\n");
}

/** Chains of changes of each closure, and how many changes each has. */
const CHAINS = 3;
const LINKS = 10;

/** What is moved where each change is planned after the plan before it, and what is left as it was. */
async function chained(closures: readonly (readonly [string, readonly Entry[]])[]): Promise<string> {
  const rows: string[][] = [];
  let [ideal, moved] = [0, 0];
  for (const [name, entries] of closures) {
    for (const budget of BUDGETS) {
      const sums = await chainsOf(entries, budget);
      ideal += sums.ideal;
      moved += sums.moved;
      const parts = [sums.ideal / sums.moved, sums.last / CHAINS].map((part) => part.toFixed(3));
      const kept = [sums.kept / sums.untouched, sums.wholePlans / (CHAINS * LINKS)];
      const percents = kept.map((part) => `${(part * 100).toFixed(1)} %`);
      rows.push([`${name}, ${String(budget)} layers`, ...parts, ...percents]);
    }
  }
  rows.push(["all: moved beside the ideal", `${((moved - ideal) / 1e6).toFixed(0)} MB`, "", "", ""]);
  const head = ["changes one after the other", "efficiency", "of the last plan"];
  return table([...head, "untouched layers kept", "all of them kept"], rows);
}

async function chainsOf(entries: readonly Entry[], budget: number) {
  const sums = { ideal: 0, moved: 0, last: 0, untouched: 0, kept: 0, wholePlans: 0 };
  const random = new Random(7);
  const start = balanced(await graphFrom(entries), budget, { previous: [] });
  for (let chainNumber = 0; chainNumber < CHAINS; chainNumber++) {
    let [now, plan] = [entries, start];
    for (let link = 0; link < LINKS; link++) {
      now = changed(now, random.pick(now).path, random);
      const graph = await graphFrom(now);
      const before = plan;
      plan = balanced(graph, budget, { previous: previousLayers(before, graph) });
      const sizes = new Map(graph.names.map((path, node) => [path, graph.narSizes[node] ?? 0]));
      const bytes = (paths: readonly string[]): number =>
        paths.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
      const [old, present] = [new Set(before.map(keyOf)), new Set(plan.map(keyOf))];
      const oldPaths = new Set<string>(before.flat());
      const untouched = before.filter((layer) => layer.every((path) => sizes.has(path)));
      const kept = untouched.filter((layer) => present.has(keyOf(layer))).length;
      sums.ideal += bytes(graph.names.filter((path) => !oldPaths.has(path)));
      sums.moved += bytes(plan.filter((layer) => !old.has(keyOf(layer))).flat());
      sums.untouched += untouched.length;
      sums.kept += kept;
      sums.wholePlans += kept === untouched.length ? 1 : 0;
      if (link === LINKS - 1) sums.last += measure(graph, plan).efficiency;
    }
  }
  return sums;
}

/** Some changes of a closure, one of them in each graph. */
async function changesOf(entries: readonly Entry[]): Promise<Graph[]> {
  const random = new Random(1);
  const step = Math.max(1, Math.floor(entries.length / CHANGES));
  const changes: Graph[] = [];
  for (let at = 0; at < entries.length; at += step)
    changes.push(await graphFrom(changed(entries, entries[at]?.path ?? "", random)));
  return changes;
}

/** The ideal part of the bytes of layers that were not there before, when all is planned again from nothing. */
function replanned(graph: Graph, changes: readonly Graph[], strategy: Planner, budget: number): number {
  const before = new Set(graph.names);
  const old = new Set(strategy(graph, budget).map(keyOf));
  let [ideal, moved] = [0, 0];
  for (const next of changes) {
    const sizes = new Map(next.names.map((path, node) => [path, next.narSizes[node] ?? 0]));
    const bytes = (paths: readonly string[]): number =>
      paths.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
    ideal += bytes(next.names.filter((path) => !before.has(path)));
    moved += bytes(
      strategy(next, budget)
        .filter((layer) => !old.has(keyOf(layer)))
        .flat(),
    );
  }
  return ideal / moved;
}

const keyOf = (layer: readonly string[]): string => layer.toSorted().join();

/** How many paths get another version, about. */
const VERSIONS = 40;

/** In how many plans from nothing a new version of one path leaves all other layers as they were, but for hashes. */
async function keptByVersions(entries: readonly Entry[], budget: number): Promise<string> {
  const namesIn = (layer: readonly string[]): string => keyOf(layer.map((path) => path.slice(44)));
  const before = balanced(await graphFrom(entries), budget);
  const random = new Random(3);
  const step = Math.max(1, Math.floor(entries.length / VERSIONS));
  let [kept, all] = [0, 0];
  for (let at = 0; at < entries.length; at += step) {
    const path = entries[at]?.path ?? "";
    const next = changed(entries, path, random, ".1").map((entry, i) => ({
      ...entry,
      narSize: entries[i]?.narSize ?? 0,
    }));
    const after = new Set(balanced(await graphFrom(next), budget).map(namesIn));
    const others = before.filter((layer) => !layer.includes(path as StorePath));
    kept += others.every((layer) => after.has(namesIn(layer))) ? 1 : 0;
    all++;
  }
  return `${((100 * kept) / all).toFixed(1)} %`;
}

/**
 * Entries stand after what they refer to.
 * @param version what the name gets at its end
 */
function changed(entries: readonly Entry[], start: string, random: Random, version = ""): Entry[] {
  const names = new Map<string, string>();
  return entries.map(({ path, narSize, references }) => {
    const isTouched = path === start || references.some((reference) => names.has(reference));
    if (isTouched)
      names.set(
        path,
        path.replace(/\/[0-9a-z]{32}-/, () => `/${hash(random)}-`) + (path === start ? version : ""),
      );
    return {
      path: names.get(path) ?? path,
      narSize: isTouched ? Math.round(narSize * (0.98 + random.next() * 0.04)) : narSize,
      references: references.map((reference) => names.get(reference) ?? reference),
    };
  });
}

const hash = (random: Random): string =>
  Array.from({ length: 32 }, () => "0123456789abcdfghijklmnpqrsvwxyz".charAt(random.below(32))).join("");

function chain(count: number): Entry[] {
  const random = new Random(2);
  const paths = Array.from({ length: count }, (_, i) => `/nix/store/${hash(random)}-link-${String(i)}`);
  return paths.map((path, i) => ({
    path,
    narSize: Math.round(Math.exp(8 + random.next() * 10)),
    references: paths.slice(Math.max(0, i - 1), i),
  }));
}

/** Learnt from how often packages were updated in Debian 11 and 12, tried on how often they were in Debian 13. */
async function learning(): Promise<string> {
  const rows: string[][] = [];
  const all = [0, 0, 0];
  for (const [name, wanted] of Object.entries(packages)) {
    // In Debian 13 it is another version's.
    const entries = await debianHistory(wanted.map((each) => each.replace("postgresql-15", "postgresql")));
    const graph = await graphFrom(entries);
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    const updates = graph.names.map((path) => byPath.get(path)?.updates ?? 0);
    const count = updates.reduce((sum, each) => sum + each, 0);
    const actual = Float64Array.from(updates, (each) => each / count);
    const learnt = weightsFrom({ volatility: [], history: historyOf(entries) }, graph, () => undefined);
    for (const budget of BUDGETS) {
      const measures = [undefined, learnt, actual].map((weights) =>
        measure(graph, balanced(graph, budget, { weights }), actual),
      );
      for (const [i, { moved }] of measures.entries()) all[i] = (all[i] ?? 0) + moved;
      const efficiencies = measures.map(({ efficiency }) => efficiency.toFixed(3));
      const fewer = gains(measures.map(({ moved }) => moved));
      rows.push([`${name}, ${String(budget)} layers`, ...efficiencies, ...fewer]);
    }
  }
  rows.push(["all of these together", "", "", "", ...gains(all)]);
  const head = ["updates of Debian 13", "uniform", "learnt", "known", "fewer bytes, learnt", "known"];
  return table(head, rows);
}

/** How many bytes fewer are moved than by the first plan. */
const gains = ([first = 0, ...others]: readonly number[]): string[] =>
  others.map((moved) => `${((1 - moved / first) * 100).toFixed(1)} %`);

/** Images of which each has one update more of each package that had so many. */
function historyOf(entries: readonly UpdatedEntry[]): StorePath[][] {
  const most = Math.max(...entries.map(({ updatesBefore }) => updatesBefore));
  return Array.from({ length: most + 1 }, (_, round) =>
    entries.map(
      ({ path, updatesBefore }) =>
        `${versionless(path)}-${String(Math.min(round, updatesBefore))}` as StorePath,
    ),
  );
}

const versionless = (path: string): string => path.replace(/-[^a-zA-Z].*$/, "");
