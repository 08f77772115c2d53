/** Layers: what their bytes are, and whether they are what is said of them. */
import { type Digest, digestOfPieces } from "../../bytes/digest.js";
import { Pauses } from "../../files/pauses.js";
import { type Region, regionPieces, regionTar, wholeOf } from "../../files/storedFile.js";
import { encodingOf } from "../../manifests/mediaTypes.js";
import { tarMembers } from "../../tar/members.js";
import { compressionOf, encodings, spooled, unpackedPieces } from "../../transports/unpack.js";
import type { UnpackBudget } from "../../transports/unpackBudget.js";
import { type Findings, isDamage } from "./findings.js";

export interface LayerCheckOptions {
  readonly findings: Findings;
  readonly budget: UnpackBudget;
  readonly signal: AbortSignal | undefined;
  /** What the layers of an archive were found to be, by their offset: both its documents may lead to the same. */
  readonly layers?: Map<number, PlainLayer | undefined> | undefined;
}

export interface LayerFacts {
  readonly path: string;
  /** As a manifest has it; a docker-archive tells none. */
  readonly mediaType?: string | undefined;
  /** Of the bytes as they lie, where it is known. */
  readonly digest?: Digest | undefined;
}

export interface PlainLayer {
  readonly diffId: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Unpacks a layer and reads its tar; the plain bytes are in a temporary file meanwhile.
 * @returns `undefined` for one that cannot be unpacked
 */
export async function checkLayer(
  stored: Region,
  facts: LayerFacts,
  options: LayerCheckOptions,
): Promise<PlainLayer | undefined> {
  const { path, mediaType } = facts;
  const { findings, budget, signal, layers } = options;
  try {
    const compression = compressionOf(stored, { name: path, mediaType });
    const encoding = mediaType === undefined ? undefined : encodingOf(mediaType);
    if (encoding !== undefined && encodings[compression] !== encoding)
      findings.report(
        "COMPRESSION",
        path,
        `it is ${compression === "none" ? "a plain tar" : compression}, but its media type is ${mediaType ?? ""}`,
      );
    if (layers?.has(stored.offset)) return layers.get(stored.offset);
    layers?.set(stored.offset, undefined);
    let found: PlainLayer;
    if (compression === "none") found = await checkTar(stored, facts, options);
    else {
      using plain = await spooled(path, unpackedPieces(stored, compression, { signal }), budget);
      found = await checkTar(wholeOf(plain), { path }, options);
    }
    layers?.set(stored.offset, found);
    return found;
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.report("COMPRESSION", path, error.cause instanceof Error ? error.cause.message : error.message);
    return undefined;
  }
}

async function checkTar(
  plain: Region,
  { path, digest }: LayerFacts,
  { findings, signal }: LayerCheckOptions,
): Promise<PlainLayer> {
  const pauses = new Pauses(signal);
  try {
    const members = tarMembers(regionTar(plain), path);
    while (members.next().done !== true) if (pauses.isDue()) await pauses.take();
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.report("TAR_INVALID", path, error.message);
  }
  return { diffId: digest ?? (await digestOfPieces(regionPieces(plain, { signal }))), size: plain.size };
}
