/** What manifests lead to: indexes, manifests, configurations and layers, each descriptor compared with its blob. */
import { type Digest, digestOf, digestOfPieces } from "../../bytes/digest.js";
import { isArray, isObject, type Json, JsonNumber, type JsonObject } from "../../bytes/json.js";
import { type Region, regionPieces } from "../../files/storedFile.js";
import { listIn, textIn } from "../../image/fields.js";
import { CONFIG, INDEX, isForeign, LAYER, MANIFEST } from "../../manifests/descriptor.js";
import type { ImageJson } from "../../manifests/imageJson.js";
import { type Platform, UNKNOWN } from "../../image/platform.js";
import { MAX_DEPTH, MAX_ENTRIES } from "../../manifests/manifestReader.js";
import { platformOf } from "../../manifests/platform.js";
import type { Progress } from "../../progress.js";
import { type CheckedDescriptor, checkDescriptor } from "./descriptor.js";
import { isDamage } from "./findings.js";
import { checkConfig, checkPlatform, isWanted } from "./imageConfig.js";
import { checkLayer, type LayerCheckOptions, type PlainLayer } from "./layers.js";

/** Where blobs lie. What it answers is not checked. */
export interface BlobPlace {
  readonly json: ImageJson;
  /** What problems of a blob are filed under. */
  pathOf(digest: Digest): string;
  /** Of a manifest, or an index; `undefined` where it is not there, as with all of these. */
  manifest(descriptor: CheckedDescriptor): Promise<Buffer | undefined>;
  config(descriptor: CheckedDescriptor): Promise<Buffer | undefined>;
  /** Any other blob, for as long as `use` runs. */
  withBlob<T>(
    descriptor: CheckedDescriptor,
    use: (region: Region) => Promise<T>,
    onFetch: (received: number) => void,
  ): Promise<T | undefined>;
}

export interface ManifestCheckOptions extends LayerCheckOptions {
  readonly progress: Progress;
  /** Images for other platforms are left alone; all are checked unless given. */
  readonly platform: Platform | undefined;
}

interface Found {
  /** Of its bytes as they lie; `undefined` where it is not there, or was told of already. */
  readonly actual: { readonly digest: Digest; readonly size: number } | undefined;
  readonly isMissing: boolean;
}

const UNREADABLE = { actual: undefined, plain: undefined, document: undefined, isMissing: false } as const;
const MISSING = { ...UNREADABLE, isMissing: true } as const;

interface FoundDocument extends Found {
  readonly document: JsonObject | undefined;
}

interface FoundBlob extends Found {
  /** What is in it, where it is a layer that can be unpacked. */
  readonly plain: PlainLayer | undefined;
}

/** What is the same of several images is read once. */
export class ManifestCheck {
  images = 0;
  readonly #place: BlobPlace;
  readonly #options: ManifestCheckOptions;
  readonly #documents = new Map<Digest, FoundDocument>();
  /** By digest and media type. */
  readonly #blobs = new Map<string, FoundBlob>();
  readonly #digests = new Set<Digest>();
  #entries = 0;

  constructor(place: BlobPlace, options: ManifestCheckOptions) {
    this.#place = place;
    this.#options = options;
  }

  get blobs(): number {
    return this.#digests.size;
  }

  /** An index, and all that it leads to. */
  async index(index: Json | undefined, path: string, depth = 0): Promise<void> {
    this.#checkVersion(index, path);
    const manifests = isObject(index) ? (index.get("manifests") ?? []) : [];
    const { findings, platform } = this.#options;
    if (depth > MAX_DEPTH) throw this.#place.json.damaged("its indexes lie in one another too deep");
    if (!isArray(manifests)) findings.report("JSON_INVALID", path, "its manifests are not a list");
    const seen = new Set<string>();
    for (const [i, value] of (isArray(manifests) ? manifests : []).entries()) {
      if (++this.#entries > MAX_ENTRIES) throw this.#place.json.damaged("it lists too many manifests");
      const entry = checkDescriptor(value, { path, what: `manifests[${String(i)}]` }, findings);
      if (!entry) continue;
      const key = JSON.stringify([entry.digest, entry.platform, ...entry.annotations]);
      if (seen.has(key)) findings.report("DUPLICATE_ENTRY", path, `${entry.digest} is listed twice`);
      seen.add(key);
      if (!isWanted(entry.platform, platform)) continue;
      await this.manifest(entry, depth);
    }
  }

  /** A manifest or an index. */
  async manifest(entry: CheckedDescriptor, depth = 0): Promise<void> {
    const { findings } = this.#options;
    const path = this.#place.pathOf(entry.digest);
    const document = await this.#document(entry, "manifest");
    if (!document) return;
    const own = textIn(document, "mediaType");
    if (own !== undefined && own !== entry.mediaType)
      findings.report("MEDIA_TYPE", path, `it says that it is ${own}, its descriptor ${entry.mediaType}`);
    const type = isKnown(entry.mediaType) ? entry.mediaType : (own ?? entry.mediaType);
    if (INDEX.test(type)) await this.index(document, path, depth + 1);
    else if (MANIFEST.test(type)) await this.#image(document, entry, path);
    else findings.report("MEDIA_TYPE", path, `${type} is neither a manifest nor an index`);
  }

  #checkVersion(document: Json | undefined, path: string): void {
    const version = isObject(document) ? document.get("schemaVersion") : undefined;
    if (version instanceof JsonNumber && version.value === 2) return;
    this.#options.findings.report("SCHEMA_VERSION", path, "its schemaVersion is not 2");
  }

  async #image(manifest: JsonObject, entry: CheckedDescriptor, path: string): Promise<void> {
    this.#checkVersion(manifest, path);
    const { findings, platform } = this.#options;
    const config = checkDescriptor(manifest.get("config"), { path, what: "config" }, findings);
    const given = manifest.get("layers") ?? [];
    if (!isArray(given)) findings.report("JSON_INVALID", path, "its layers are not a list");
    const layers = listIn(manifest, "layers").map((value, i) =>
      checkDescriptor(value, { path, what: `layers[${String(i)}]` }, findings),
    );
    if (!isImage(manifest, entry, config, layers)) {
      for (const blob of [config, ...layers]) if (blob) await this.#blob(blob);
      return;
    }
    if (config && !CONFIG.test(config.mediaType))
      findings.report("MEDIA_TYPE", path, `${config.mediaType} is no type of a configuration`);
    const file = config && (await this.#document(config, "config"));
    const actual = file && platformOf(file);
    if (!isWanted(actual, platform)) return;
    this.images++;
    this.#place.json.requireFewLayers(layers.length);
    const facts = { path: config ? this.#place.pathOf(config.digest) : path, layers: layers.length };
    if (actual) checkPlatform(entry.platform, actual, facts.path, findings);
    await this.#layers(layers, file ? checkConfig(file, facts, findings) : [], path);
  }

  async #layers(
    layers: readonly (CheckedDescriptor | undefined)[],
    diffIds: readonly (Digest | undefined)[],
    path: string,
  ): Promise<void> {
    const { findings, progress } = this.#options;
    const count = layers.length;
    const blobs = layers.flatMap((layer) => layer ?? []);
    for (const [index, layer] of layers.entries()) {
      if (!layer) continue;
      const { digest, size, mediaType } = layer;
      if (!LAYER.test(mediaType)) findings.report("MEDIA_TYPE", path, `${mediaType} is no type of a layer`);
      const { plain } = await this.#blob(layer, (received) => {
        progress.fetch({ digest, received, size }, blobs);
      });
      if (!plain) continue;
      const { diffId } = plain;
      const layerPath = this.#place.pathOf(digest);
      progress.layer({ kind: "image", sources: [layerPath] }, plain, index, count);
      const expected = diffIds[index];
      if (expected !== undefined && expected !== diffId)
        findings.report(
          "DIFF_ID",
          layerPath,
          `its diffID is ${diffId}, not ${expected} as in the configuration`,
        );
    }
  }

  /** Size and digest of a blob, and for a layer what is in it. */
  async #blob(
    descriptor: CheckedDescriptor,
    onFetch: (received: number) => void = () => undefined,
  ): Promise<FoundBlob> {
    const key = `${descriptor.digest} ${descriptor.mediaType}`;
    const found = this.#blobs.get(key) ?? (await this.#readBlob(descriptor, onFetch));
    this.#blobs.set(key, found);
    if (!found.isMissing || !isForeign(descriptor)) this.#compare(descriptor, found);
    return found;
  }

  async #readBlob(descriptor: CheckedDescriptor, onFetch: (received: number) => void): Promise<FoundBlob> {
    const { signal } = this.#options;
    const { digest, mediaType } = descriptor;
    const path = this.#place.pathOf(digest);
    const examine = async (region: Region): Promise<FoundBlob> => {
      const actual = { size: region.size, digest: await digestOfPieces(regionPieces(region, { signal })) };
      const isLayer = actual.digest === digest && LAYER.test(mediaType);
      const plain = isLayer
        ? await checkLayer(region, { path, mediaType, digest }, this.#options)
        : undefined;
      return { actual, plain, isMissing: false };
    };
    try {
      return (await this.#place.withBlob(descriptor, examine, onFetch)) ?? MISSING;
    } catch (error) {
      this.#reportDamage(error, path);
      return UNREADABLE;
    }
  }

  async #document(
    descriptor: CheckedDescriptor,
    kind: "manifest" | "config",
  ): Promise<JsonObject | undefined> {
    const { digest } = descriptor;
    this.#options.signal?.throwIfAborted();
    const found = this.#documents.get(digest) ?? (await this.#readDocument(descriptor, kind));
    this.#documents.set(digest, found);
    this.#compare(descriptor, found);
    return found.document;
  }

  async #readDocument(descriptor: CheckedDescriptor, kind: "manifest" | "config"): Promise<FoundDocument> {
    const { json } = this.#place;
    const { digest } = descriptor;
    const path = this.#place.pathOf(digest);
    let actual: Found["actual"];
    try {
      const bytes = await this.#place[kind](descriptor);
      if (!bytes) return MISSING;
      actual = { size: bytes.length, digest: digestOf(bytes) };
      return { actual, document: json.object(json.parse(bytes, digest), digest), isMissing: false };
    } catch (error) {
      this.#reportDamage(error, path);
      return { ...UNREADABLE, actual };
    }
  }

  /** What came from a registry has been compared already. */
  #reportDamage(error: unknown, path: string): void {
    if (!isDamage(error)) throw error;
    const { code, message, details } = error;
    const mismatch = typeof details["expected"] === "number" ? "BLOB_SIZE" : "BLOB_DIGEST";
    this.#options.findings.report(code === "ERR_DIGEST" ? mismatch : "JSON_INVALID", path, message);
  }

  #compare({ digest, size }: CheckedDescriptor, { actual, isMissing }: Found): void {
    const { findings } = this.#options;
    const path = this.#place.pathOf(digest);
    if (isMissing) findings.report("BLOB_MISSING", path, "it is not there");
    if (!actual) return;
    this.#digests.add(digest);
    if (actual.size !== size)
      findings.report("BLOB_SIZE", path, `it has ${String(actual.size)} bytes, not ${String(size)}`);
    if (actual.digest !== digest) findings.report("BLOB_DIGEST", path, `its digest is ${actual.digest}`);
  }
}

function isKnown(mediaType: string): boolean {
  return INDEX.test(mediaType) || MANIFEST.test(mediaType);
}

/** Signatures, attestations and other artefacts lie beside images; of them each blob is checked and no more. */
function isImage(
  manifest: JsonObject,
  { annotations, platform }: CheckedDescriptor,
  config: CheckedDescriptor | undefined,
  layers: readonly (CheckedDescriptor | undefined)[],
): boolean {
  if (annotations.has("vnd.docker.reference.type") || platform?.architecture === UNKNOWN) return false;
  const artifactType = textIn(manifest, "artifactType");
  if (artifactType !== undefined && !CONFIG.test(artifactType)) return false;
  const isEmpty = layers.length === 0 && config !== undefined && CONFIG.test(config.mediaType);
  return isEmpty || layers.some((layer) => layer && LAYER.test(layer.mediaType));
}
