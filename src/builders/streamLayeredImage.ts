/** dockerTools' `streamLayeredImage`: an image of store paths in many layers, made as it is read. */
import { Readable } from "node:stream";
import { withBaseEnvironment } from "../image/environment.js";
import type { Image } from "../image/image.js";
import { formatJson } from "../image/json.js";
import { hashOf, type Layer } from "../image/layer.js";
import { copied } from "../image/pieces.js";
import { foldersTo, StoreLayer } from "../image/storeLayer.js";
import { parseTime } from "../image/time.js";
import { nixStore } from "../store/defaultStore.js";
import { toNix32 } from "../store/nix32.js";
import type { StorePath } from "../store/storePath.js";
import type { LayerPlan } from "../layering/graph.js";
import { layerBudget } from "../layering/plan.js";
import { writeDockerArchive } from "../transports/dockerArchive/write.js";
import { Base } from "./base.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";
import { layerTools } from "./layerTools.js";
import { type ImageParts, imageParts, type PlannedLayer, planLayersOf, plannedLayers } from "./plan.js";
import type { StoreSource } from "./source.js";
import { type ImageSpec, type ResolvedSpec, resolveSpec } from "./spec.js";

/** An image that is ready to be read. It holds its store paths against the garbage collector until it is closed. */
export class LayeredImage implements AsyncDisposable {
  readonly image: Image;
  readonly imageName: string;
  readonly imageTag: string;
  /** The layers of store paths, bottom first. */
  readonly layers: readonly PlannedLayer[];
  readonly passthru: Readonly<Record<string, unknown>>;
  readonly #mtime: number;
  readonly #parts: ImageParts;
  readonly #options: BuildOptions;

  /** @internal */
  constructor(made: {
    readonly spec: ResolvedSpec;
    readonly image: Image;
    readonly imageTag: string;
    readonly layers: readonly PlannedLayer[];
    readonly parts: ImageParts;
    readonly options: BuildOptions;
  }) {
    this.image = made.image;
    this.imageName = made.spec.name.toLowerCase();
    this.imageTag = made.imageTag;
    this.layers = made.layers;
    this.passthru = made.spec.passthru;
    this.#mtime = parseTime(made.spec.mtime, "mtime").seconds;
    this.#parts = made.parts;
    this.#options = made.options;
  }

  /**
   * The docker-archive, uncompressed, in pieces; each is good until the next one is asked for. What goes wrong ends it
   * before its manifest, so that half an archive is never taken for a whole one.
   * @throws {LaminixError} ERR_FILE_CHANGED, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH, ERR_PATH_NOT_VALID
   */
  pieces(options: Pick<BuildOptions, "signal" | "onProgress"> = {}): AsyncGenerator<Uint8Array> {
    const { signal = this.#options.signal, onProgress = this.#options.onProgress } = options;
    const { layers } = this.image;
    return writeDockerArchive(this.image, {
      signal,
      references: [`${this.imageName}:${this.imageTag}`],
      mtime: this.#mtime,
      baseLayers: "normal",
      onLayer: (index, digest) => {
        const { kind, sources } = layers[index] as Layer;
        onProgress?.({ type: "layer", index, count: layers.length, kind, sources, ...digest });
      },
      beforeManifest: async () => {
        for (const roots of this.#parts.roots) await roots.check({ signal });
      },
    });
  }

  /** The docker-archive as a stream whose pieces may be kept. */
  stream(options: Pick<BuildOptions, "signal" | "onProgress"> = {}): Readable {
    return Readable.from(copied(this.pieces(options)), { objectMode: false });
  }

  /** Lets the garbage collector have the store paths. May be called again. */
  async close(): Promise<void> {
    this.#parts.base?.[Symbol.dispose]();
    await this.#parts[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Plans an image; its bytes are made when they are read. Commands of the spec run now.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE,
 *   ERR_STORE_PATH, ERR_ARCHIVE for the base image, ERR_SCRIPT and ERR_PROGRAM for commands, and what connecting to the
 *   store can throw
 */
export async function streamLayeredImage(spec: ImageSpec, options: BuildOptions = {}): Promise<LayeredImage> {
  checkBuildOptions(options);
  const { signal, store = nixStore, onProgress } = options;
  const resolved = resolveSpec(spec);
  const created = parseTime(resolved.created, "created");
  const mtime = parseTime(resolved.mtime, "mtime").seconds;
  const base = resolved.fromImage === null ? undefined : await Base.open(resolved.fromImage, { signal });
  let parts: ImageParts | undefined;
  try {
    layerBudget(resolved.maxLayers, base?.image.layers.length ?? 0);
    parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: true });
    const plan = await planLayersOf(resolved, parts);
    onProgress?.({ type: "closure", paths: parts.closure.size, narSize: parts.closure.narSize });
    const image: Image = {
      config: base ? withBaseEnvironment(resolved.config, base.config) : resolved.config,
      architecture: resolved.architecture,
      variant: resolved.variant,
      created: created.iso,
      layers: [
        ...(base?.image.layers ?? []),
        ...storeLayers(resolved, plan, parts, store, mtime, options),
        parts.customisation.layer,
      ],
    };
    const imageTag = resolved.tag ?? (await tagOf(resolved, plan, parts));
    const layers = plannedLayers(plan, parts.closure);
    return new LayeredImage({ spec: resolved, image, imageTag, layers, parts, options });
  } catch (error) {
    base?.[Symbol.dispose]();
    await parts?.[Symbol.asyncDispose]();
    throw error;
  }
}

function storeLayers(
  spec: ResolvedSpec,
  plan: LayerPlan,
  { closure, storeDir }: ImageParts,
  store: StoreSource,
  mtime: number,
  options: BuildOptions,
): Layer[] {
  const { uid, gid, uname, gname } = spec;
  const tools = layerTools(options);
  return plan.map(
    (paths) =>
      new StoreLayer({
        paths,
        mtime,
        locate: (path: StorePath) => store.open(path),
        // Nobody vouches for the hashes in a file, so nothing is remembered under them.
        narHash: (path: StorePath) => (store.vouchesForHashes ? closure.get(path)?.narHash : undefined),
        narSize: paths.reduce((sum, path) => sum + (closure.get(path)?.narSize ?? 0), 0),
        parents: foldersTo(storeDir),
        owner: { uid, gid, uname, gname },
        ...tools,
      }),
  );
}

/** 32 characters of Nix's base 32, from all that decides the image's bytes. */
async function tagOf(spec: ResolvedSpec, plan: LayerPlan, parts: ImageParts): Promise<string> {
  const { base, closure, contents, customisation } = parts;
  const { specVersion: _, passthru: __, tag: ___, fromImage: ____, compressor: _____, ...rest } = spec;
  const { contents: ______, copyToRoot: _______, ...deciding } = rest;
  const paths = plan.map((layer) => layer.map((path) => [path, closure.get(path)?.narHash]));
  // What commands and files outside the store make of the root shows only in its bytes.
  const { layer, mustBeMade } = customisation;
  const root = layer.contentKey ?? (mustBeMade ? (await layer.diffId()).diffId : contents);
  const config = formatJson(deciding.config);
  const hash = hashOf([{ ...deciding, config }, paths, base?.image.configDigest, root]);
  return toNix32(Buffer.from(hash, "hex").subarray(0, 20));
}
