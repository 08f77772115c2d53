/** dockerTools' `streamLayeredImage`: an image of store paths in many layers, made as it is read. */
import { Readable } from "node:stream";
import { ContentsLayer } from "../image/contentsLayer.js";
import { withBaseEnvironment } from "../image/environment.js";
import type { Image } from "../image/image.js";
import { formatJson, isObject, type JsonObject } from "../image/json.js";
import { hashOf, type Layer } from "../image/layer.js";
import { copied } from "../image/pieces.js";
import { foldersTo, StoreLayer } from "../image/storeLayer.js";
import { parseTime } from "../image/time.js";
import { nixStore } from "../store/defaultStore.js";
import { toNix32 } from "../store/nix32.js";
import type { StorePath } from "../store/storePath.js";
import { type ArchivedImage, DockerArchive } from "../transports/dockerArchive/read.js";
import { writeDockerArchive } from "../transports/dockerArchive/write.js";
import { type BuildOptions, checkBuildOptions } from "./buildOptions.js";
import { layerTools } from "./layerTools.js";
import { type ImagePlan, planImage, type PlannedLayer, plannedLayers } from "./plan.js";
import type { HeldRoots, StoreSource } from "./source.js";
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
  readonly #roots: HeldRoots | undefined;
  readonly #base: DockerArchive | undefined;
  readonly #options: BuildOptions;

  /** @internal */
  constructor(parts: {
    readonly spec: ResolvedSpec;
    readonly image: Image;
    readonly imageTag: string;
    readonly layers: readonly PlannedLayer[];
    readonly roots: HeldRoots | undefined;
    readonly base: DockerArchive | undefined;
    readonly options: BuildOptions;
  }) {
    this.image = parts.image;
    this.imageName = parts.spec.name.toLowerCase();
    this.imageTag = parts.imageTag;
    this.layers = parts.layers;
    this.passthru = parts.spec.passthru;
    this.#mtime = parseTime(parts.spec.mtime, "mtime").seconds;
    this.#roots = parts.roots;
    this.#base = parts.base;
    this.#options = parts.options;
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
      beforeManifest: async () => this.#roots?.check({ signal }),
    });
  }

  /** The docker-archive as a stream whose pieces may be kept. */
  stream(options: Pick<BuildOptions, "signal" | "onProgress"> = {}): Readable {
    return Readable.from(copied(this.pieces(options)), { objectMode: false });
  }

  /** Lets the garbage collector have the store paths. May be called again. */
  async close(): Promise<void> {
    this.#base?.close();
    await this.#roots?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Plans an image; its bytes are made when they are read.
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_LAYER_BUDGET, ERR_PATH_NOT_VALID, ERR_OUTSIDE_STORE,
 *   ERR_STORE_PATH, ERR_FILE_READ or ERR_JSON for a pipeline in a file, ERR_ARCHIVE for the base image, and what connecting to the store can throw
 */
export async function streamLayeredImage(spec: ImageSpec, options: BuildOptions = {}): Promise<LayeredImage> {
  checkBuildOptions(options);
  const { signal, store = nixStore, onProgress } = options;
  const resolved = resolveSpec(spec);
  const created = parseTime(resolved.created, "created");
  const mtime = parseTime(resolved.mtime, "mtime").seconds;
  const base =
    resolved.fromImage === null ? undefined : await DockerArchive.open(resolved.fromImage, { signal });
  let roots: HeldRoots | undefined;
  try {
    const [baseImage] = base?.images ?? [];
    const plan = await planImage(resolved, store, baseImage?.layers.length ?? 0, {
      signal,
      onProgress,
    });
    const rootPaths = [...plan.contents, ...plan.named];
    if (rootPaths.length > 0) roots = await store.tempRoots?.(rootPaths, { signal });
    onProgress?.({ type: "closure", paths: plan.closure.size, narSize: plan.closure.narSize });
    const image: Image = {
      config: baseImage ? withBaseEnvironment(resolved.config, baseConfig(baseImage)) : resolved.config,
      architecture: resolved.architecture,
      variant: resolved.variant,
      created: created.iso,
      layers: [...(baseImage?.layers ?? []), ...layersOf(resolved, plan, store, mtime, options)],
    };
    const imageTag = resolved.tag ?? tagOf(resolved, plan, baseImage);
    return new LayeredImage({
      spec: resolved,
      image,
      imageTag,
      layers: plannedLayers(plan),
      roots,
      base,
      options,
    });
  } catch (error) {
    base?.close();
    await roots?.close();
    throw error;
  }
}

function layersOf(
  spec: ResolvedSpec,
  plan: ImagePlan,
  store: StoreSource,
  mtime: number,
  options: BuildOptions,
): Layer[] {
  const { uid, gid, uname, gname } = spec;
  const tools = layerTools(options);
  const common = {
    mtime,
    locate: (path: StorePath) => store.open(path),
    // Nobody vouches for the hashes in a file, so nothing is remembered under them.
    narHash: (path: StorePath) => (store.vouchesForHashes ? plan.closure.get(path)?.narHash : undefined),
  };
  const storeLayers = plan.layers.map(
    (paths) =>
      new StoreLayer({
        ...common,
        paths,
        narSize: paths.reduce((sum, path) => sum + (plan.closure.get(path)?.narSize ?? 0), 0),
        parents: foldersTo(plan.storeDir),
        owner: { uid, gid, uname, gname },
        ...tools,
      }),
  );
  const contents = new ContentsLayer({
    ...common,
    contents: plan.contents,
    onConflict: (path, kept) => {
      options.onProgress?.({
        type: "warning",
        message: `${path} is in several of the contents; the first, ${kept}, is kept`,
      });
    },
  });
  return [...storeLayers, contents];
}

function baseConfig({ configFile }: ArchivedImage): JsonObject | undefined {
  const config = configFile.get("config");
  return isObject(config) ? config : undefined;
}

/** 32 characters of Nix's base 32, from all that decides the image's bytes. */
function tagOf(spec: ResolvedSpec, plan: ImagePlan, base: ArchivedImage | undefined): string {
  const { specVersion: _, passthru: __, tag: ___, fromImage: ____, compressor: _____, ...others } = spec;
  // Of a pipeline, the layers are what decides.
  const { layeringPipeline: ______, ...rest } = others;
  const deciding = { ...rest, contents: plan.contents };
  const paths = plan.layers.map((layer) => layer.map((path) => [path, plan.closure.get(path)?.narHash]));
  const hash = hashOf([{ ...deciding, config: formatJson(deciding.config) }, paths, base?.configDigest]);
  return toNix32(Buffer.from(hash, "hex").subarray(0, 20));
}
