/** Reports as texts that are read and not written. */
import { readdir } from "node:fs/promises";
import { bytes, counted } from "../../format.js";
import { LaminixError } from "../../errors.js";
import { baseName, type StorePath } from "../../store/storePath.js";
import { drawn } from "../../store/questions/drawn.js";
import { pathNamed } from "../../store/questions/named.js";
import type { Editor } from "../editor.js";
import type { Asking } from "../asking.js";
import type { Facts } from "../facts.js";
import { pathFacts } from "../pathFacts.js";
import { asPlainText } from "../shownFacts.js";
import { layersReport } from "./layersReport.js";
import { type ReportOf, reportUri } from "./reportUri.js";

export interface Report {
  readonly title: string;
  readonly uri: string;
  readonly text: string;
}

/** @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_NO_DEPENDENCY, ERR_AMBIGUOUS, ERR_SPEC, … */
export async function makeReport(of: ReportOf, editor: Editor, asking: Asking): Promise<Report> {
  if (of.kind === "layers") {
    return { title: "Layers", uri: reportUri(of), text: await layersReport(of.spec, editor, asking) };
  }
  const path = await editor.facts.storePath(of.path, asking);
  const name = baseName(path).slice(33);
  const make = (title: string, text: string): Report => ({ title, uri: reportUri({ ...of, path }), text });
  switch (of.kind) {
    case "path":
      return make(name, await pathText(path, editor.facts, asking));
    case "closure":
      return make(`Closure of ${name}`, await closureText(path, editor.facts, asking));
    case "referrers":
      return make(`What references ${name}`, await referrersText(path, editor.facts, asking));
    case "roots":
      return make(`What keeps ${name} alive`, await rootsText(path, editor.facts, asking));
    case "derivation":
      return make(name, await derivationText(path, editor.facts, asking));
    case "why-depends":
      return make(
        `Why ${name} depends on ${of.to.replace(/^.*\/[0-9a-z]{32}-/, "")}`,
        await whyText(path, of.to, editor.facts, asking),
      );
  }
}

/** Milliseconds. One who opens a report waits for it. */
const PATIENCE = 60_000;
/** Files of a folder that are listed. */
const MOST_FILES = 1000;

async function pathText(path: StorePath, facts: Facts, asking: Asking): Promise<string> {
  const text = asPlainText(await pathFacts(path, "", facts, asking, PATIENCE));
  const real = await facts.followed(path, asking);
  if (real?.kind !== "folder") return `${path}\n\n${text}\n`;
  const names = (await readdir(real.place, { withFileTypes: true }))
    .map((each) => `${path}/${each.name}${each.isDirectory() ? "/" : ""}`)
    .sort();
  const more = names.length > MOST_FILES ? [`and ${String(names.length - MOST_FILES)} more`] : [];
  return [path, "", text, "", "Files:", ...names.slice(0, MOST_FILES), ...more, ""].join("\n");
}

async function closureText(path: StorePath, facts: Facts, asking: Asking): Promise<string> {
  const closure = await facts.closure(path, asking);
  const { narSizes, closureSizes, addedSizes, paths } = closure;
  const inColumns = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(8)).join("  ");
  const rows = paths.map((each, row) => {
    const sizes = [narSizes, closureSizes, addedSizes].map((column) => bytes(column[row] ?? 0));
    return `${inColumns(sizes)}  ${each}`;
  });
  return [
    `${counted(closure.size, "store path")}, ${bytes(closure.narSize)}`,
    "",
    `${inColumns(["NAR", "closure", "added"])}  path`,
    ...rows.reverse(),
    "",
  ].join("\n");
}

async function referrersText(path: StorePath, facts: Facts, asking: Asking): Promise<string> {
  const referrers = await (await facts.daemon()).referrers(path, asking);
  return [`${counted(referrers.length, "path")} referencing ${path}`, "", ...referrers.sort(), ""].join("\n");
}

async function rootsText(path: StorePath, facts: Facts, asking: Asking): Promise<string> {
  const roots = await (await facts.daemon()).rootsOf(path, asking);
  if (roots.length === 0) return `no root keeps ${path} alive\n`;
  return roots.map(({ link, chain }) => `${link}\n${chained(chain, 1)}`).join("");
}

async function derivationText(path: StorePath, facts: Facts, asking: Asking): Promise<string> {
  const { outputs, inputDrvs, inputSrcs, system, builder, args, env } = await facts.derivation(path, asking);
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)];
  return [
    path,
    ...section(
      "outputs",
      [...outputs].map(([name, output]) => `${name}: ${output ?? "known only after its build"}`),
    ),
    ...section("system", [system]),
    ...section("builder", [[builder, ...args].join(" ")]),
    ...section(
      "derivations it is built from",
      [...inputDrvs].map(([drv, names]) => `${drv} (${names.join(", ")})`),
    ),
    ...section("sources", inputSrcs),
    ...section(
      "environment",
      [...env].map(([name, value]) => `${name}=${JSON.stringify(value)}`),
    ),
    "",
  ].join("\n");
}

async function whyText(from: StorePath, to: string, facts: Facts, asking: Asking): Promise<string> {
  const closure = await facts.closure(from, asking);
  const target = to.includes("/") ? await facts.storePath(to, asking) : pathNamed(closure.paths, to);
  const chain = closure.whyDepends(from, target);
  if (chain) return chained(chain, 0);
  throw new LaminixError("ERR_NO_DEPENDENCY", `${from} does not depend on ${target}`, {
    details: { from, to: target },
  });
}

function chained(chain: readonly StorePath[], depth: number): string {
  const nodes = chain.map((path, i) => ({ path, depth: depth + i, isLast: true, isRepeated: false }));
  return [...drawn(nodes)].join("");
}
