/** What there is to tell of a store path: the small facts at once, the others where they come soon enough. */
import { bytes, counted, namesOf } from "../format.js";
import { readlink } from "node:fs/promises";
import { LaminixError } from "../errors.js";
import type { PathInfo } from "../store/closure.js";
import { packageName } from "../store/packageName.js";
import { baseName, type StorePath } from "../store/storePath.js";
import type { Asking } from "./asking.js";
import type { Facts } from "./facts.js";
import { within } from "./patience.js";
import type { Part, ShownFact, ShownFacts } from "./shownFacts.js";

/** Milliseconds that what may take long is waited for. */
const PATIENCE = 40;
const BEING_READ = "is being read; look again soon";
/** Of a list, how many are named. */
const MOST_NAMED = 3;

/**
 * @param inside what is in the store path; empty for itself
 * @param patience milliseconds for each of the facts that may take long
 */
export async function pathFacts(
  path: StorePath,
  inside: string,
  facts: Facts,
  asking: Asking,
  patience = PATIENCE,
): Promise<ShownFacts> {
  const info = await facts.pathInfo(path, asking);
  const [place, rest] = await Promise.all([
    inside === "" ? [] : placeFacts(path, inside, facts),
    info ? validFacts(info, facts, asking, patience) : [fact("valid", "no: this store does not have it")],
  ]);
  return { ...headingOf(path), facts: [...place, ...rest] };
}

function headingOf(path: StorePath): Pick<ShownFacts, "title" | "about"> {
  const { name, version, output } = packageName(path.replace(/\.drv$/, "") as StorePath);
  const kind = path.endsWith(".drv") ? "derivation" : output === "" ? "" : `output ${output}`;
  return { title: name, about: [version, kind && `(${kind})`].filter((each) => each !== "").join(" ") };
}

async function validFacts(
  info: PathInfo,
  facts: Facts,
  asking: Asking,
  patience: number,
): Promise<ShownFact[]> {
  const { path, narSize, deriver, signatures, ca, registrationTime } = info;
  // In this order they are asked, and answered: what is small first.
  const referrers = within(
    facts.referrers(path, asking).then((found) => ({ found })),
    patience,
  );
  const derivation = path.endsWith(".drv") ? derivationFacts(path, facts, asking) : [];
  const closure = facts.closureTotals(info, patience, asking);
  const [known, derivationFactsFound, totals] = await Promise.all([referrers, derivation, closure]);
  return [
    fact("valid", registrationTime > 0 ? `yes, since ${day(registrationTime)}` : "yes"),
    fact("NAR", bytes(narSize)),
    fact("closure", totals ? `${bytes(totals.narSize)}, ${counted(totals.paths, "path")}` : BEING_READ),
    ...derivationFactsFound,
    ...(deriver === undefined ? [] : [fact("deriver", { code: deriver })]),
    ...(known && known.found === undefined
      ? []
      : [fact("referenced by", known?.found ? listOf(known.found.sort()) : BEING_READ)]),
    ...(ca === undefined ? [] : [fact("content address", { code: ca })]),
    fact("signatures", signatures.length === 0 ? "none" : signatures.map(keyName).join(", ")),
  ];
}

async function placeFacts(path: StorePath, inside: string, facts: Facts): Promise<ShownFact[]> {
  const found = await facts.placeIn(path, inside);
  if (!found) {
    const isHere = (await facts.realPath(path)) !== undefined;
    return [fact("file", isHere ? "there is none of this name in it" : "its files are not on this disk")];
  }
  const { kind, size, isExecutable, place } = found;
  if (kind === "link") return [fact("link to", { code: await readlink(place) })];
  if (kind === "file") return [fact("file", `${bytes(size)}${isExecutable ? ", executable" : ""}`)];
  return [fact(kind, { code: inside })];
}

async function derivationFacts(path: StorePath, facts: Facts, asking: Asking): Promise<ShownFact[]> {
  try {
    const { outputs, system, builder, inputDrvs, inputSrcs } = await facts.derivation(path, asking);
    const known = [...outputs.values()].filter((each) => each !== undefined);
    const valid = await facts.validPaths(known, asking);
    const shown = [...outputs].map(([name, output]): ShownFact => {
      if (output === undefined) return fact(`output ${name}`, "known only after its build");
      return fact(`output ${name}`, { code: output }, valid.has(output) ? " (valid)" : " (not valid)");
    });
    const inputs = `${counted(inputDrvs.size, "derivation")}, ${counted(inputSrcs.length, "source")}`;
    return [
      ...shown,
      fact("system", { code: system }),
      fact("builder", { code: builder }),
      fact("inputs", inputs),
    ];
  } catch (error) {
    asking.signal.throwIfAborted();
    // Whatever is called `.drv` need not be one.
    if (error instanceof LaminixError) return [fact("derivation", error.message)];
    throw error;
  }
}

function fact(label: string, ...parts: readonly Part[]): ShownFact {
  return { label, parts };
}

function listOf(paths: readonly StorePath[]): string {
  return paths.length === 0
    ? "nothing"
    : `${counted(paths.length, "path")} (${namesOf(paths.map(baseName), MOST_NAMED)})`;
}

/** A signature is `NAME:BASE64`, where the name is the key's. */
function keyName(signature: string): string {
  return signature.slice(0, Math.max(0, signature.lastIndexOf(":"))) || signature;
}

function day(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? "an unknown day" : time.toISOString().slice(0, 10);
}
