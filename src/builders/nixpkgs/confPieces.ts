/**
 * The image that a `conf.json` of nixpkgs' `streamLayeredImage` describes, byte for byte as nixpkgs'
 * `stream_layered_image.py` streams it, its oddities included.
 */
import { lstatSync, readFileSync } from "node:fs";
import { requireKnown, requireString } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { withBaseEnvironment } from "../../image/environment.js";
import { objectIn } from "../../image/fields.js";
import { describedImage, type Inherited } from "../../image/describedImage.js";
import { type Image, knownConfig, type NamedImage } from "../../image/image.js";
import { inheritHistory } from "../../image/inherit.js";
import { isArray, isObject, type Json, JsonNumber, type JsonObject, parseJson } from "../../bytes/json.js";
import type { Layer } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { StorePathLayer } from "../../image/storePathLayer.js";
import { parseTime } from "../../image/time.js";
import { type StorePath, toStorePath } from "../../store/storePath.js";
import { toByteString } from "../../bytes/byteString.js";
import type { BytesOrPart } from "../../files/filePart.js";
import { readText } from "../../files/readText.js";
import { HeaderEncoder } from "../../tar/header.js";
import {
  writeDockerArchive,
  writeDockerArchiveInParts,
  type WriteOptions,
} from "../../transports/dockerArchive/write.js";
import { StoredFile, wholeOf } from "../../files/storedFile.js";
import { archivedLayer } from "../../transports/archivedLayer.js";
import type { OpenedImages } from "../../transports/openedImages.js";
import { Unpacking } from "../../transports/plainTar.js";
import { type LayerTools, layerTools } from "../build/layerTools.js";
import type { HeldRoots, StoreSource } from "../../store/storeSource.js";
import { BUILD_KEYS, type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { Opened } from "../../planning/opened.js";
import { Progress } from "../../progress.js";
import { accountName } from "./accountName.js";
import type { StreamConfOptions } from "./streamConf.js";

/** @throws {LaminixError} as `streamConf` */
export function confPieces(file: string, options: StreamConfOptions): AsyncGenerator<Uint8Array> {
  return written(file, options, writeDockerArchive);
}

/** The same, with large files as parts, for those who can pass them on. */
export function confParts(file: string, options: StreamConfOptions): AsyncGenerator<BytesOrPart> {
  return written(file, options, writeDockerArchiveInParts);
}

async function* written<Piece>(
  file: string,
  options: StreamConfOptions,
  write: (image: NamedImage, options: WriteOptions) => AsyncGenerator<Piece>,
): AsyncGenerator<Piece> {
  requireString(file, "file");
  requireKnown(options, [...BUILD_KEYS, "repoTag"]);
  checkBuildOptions(options);
  if (options.repoTag !== undefined) requireString(options.repoTag, "options.repoTag");
  const { signal, maxUnpacked } = options;
  const progress = new Progress(options.onProgress);
  const conf = readConf(file);
  await using opened = new Opened();
  const { fromImage, customisationLayer } = conf;
  const base =
    fromImage === undefined
      ? undefined
      : opened.add(await openBase(fromImage, conf.architecture, { signal, maxUnpacked }));
  const top =
    customisationLayer === undefined
      ? undefined
      : opened.add(openCustomisationLayer(customisationLayer, conf.mtime));
  const tools = layerTools(options);
  // Without a cache that could know them all the layers will be hashed: the threads start while the store is asked.
  if (!tools.cache || tools.cache.isEmpty) tools.pool.warmUp();
  let hashes: KnownHashes | undefined;
  try {
    const known = (hashes = await hashesFrom(options.store, conf, options));
    const [{ image: baseImage } = { image: undefined }] = base?.images ?? [];
    const below = baseImage?.layers.length ?? 0;
    const count = below + conf.storeLayers.length + (top ? 1 : 0);
    const own = storeLayers(conf, known, tools, (sources, event, index) => {
      progress.hash({ kind: "store", sources }, { ...event, index: below + index, count });
    });
    const image = describedImage({
      config: baseImage
        ? withBaseEnvironment(conf.config, objectIn(knownConfig(baseImage).json, "config"))
        : conf.config,
      architecture: conf.architecture,
      created: conf.created,
      inherited: baseImage && keptHistory(baseImage, conf.created),
      layers: [...(baseImage?.layers ?? []), ...own, ...(top ? [top.layer] : [])],
    });
    const named = { image, references: [options.repoTag ?? conf.repoTag] };
    yield* write(named, {
      signal,
      mtime: conf.mtime,
      baseLayers: "verbatim",
      onLayer: progress.layer,
      beforeManifest: async () => known?.roots.check({ signal }),
    });
  } finally {
    await hashes?.roots.close();
  }
}

/**
 * A docker-archive as nixpkgs reads it, or a layout, which nixpkgs cannot read. The reader is loaded for those who need it:
 * most images have no base.
 */
async function openBase(
  path: string,
  architecture: Json,
  options: Pick<BuildOptions, "signal" | "maxUnpacked">,
): Promise<OpenedImages> {
  const { openStoredImages } = await import("../../transports/open.js");
  const platform = typeof architecture === "string" ? { os: "linux", architecture } : undefined;
  return openStoredImages(path, { ...options, platform, archives: "docker" });
}

/** That of a base out of a layout; of an archive's, nixpkgs tells the names of the layers, and nothing else. */
function keptHistory(base: Image, created: string): Inherited | undefined {
  return base.manifest && inheritHistory(knownConfig(base).json, base.layers, created);
}

interface Conf {
  readonly architecture: Json;
  readonly config: JsonObject;
  readonly storeDir: string;
  readonly fromImage: string | undefined;
  readonly storeLayers: readonly (readonly StorePath[])[];
  readonly customisationLayer: string | undefined;
  readonly repoTag: string;
  /** ISO 8601. */
  readonly created: string;
  /** Unix seconds. */
  readonly mtime: number;
  readonly owner: {
    readonly uid: number;
    readonly gid: number;
    readonly uname: string;
    readonly gname: string;
  };
}

function readConf(file: string): Conf {
  const conf = parseJson(readText(file), file);
  if (!isObject(conf)) throw malformed(file, "it is not an object");
  const fail = (key: string, what: string): never => {
    throw malformed(file, `${key} is not ${what}`);
  };
  const text = (key: string): string => {
    const value = conf.get(key);
    return typeof value === "string" ? value : fail(key, "a string");
  };
  const optional = (key: string): string | undefined =>
    (conf.get(key) ?? "") === "" ? undefined : text(key);
  const id = (key: string): number => {
    const value = conf.get(key);
    const digits = value instanceof JsonNumber ? value.text : value;
    return typeof digits === "string" && /^\d{1,15}$/.test(digits) ? Number(digits) : fail(key, "a number");
  };
  const config = conf.get("config");
  const storeDir = text("store_dir");
  const layers = conf.get("store_layers");
  const path = (value: Json): StorePath => {
    if (typeof value !== "string") return fail("store_layers", "a list of lists of store paths");
    if (toStorePath(value, storeDir) === value) return value as StorePath;
    throw malformed(file, `${value} in store_layers is not a store path but something in one`);
  };
  return {
    architecture: conf.get("architecture") ?? null,
    config: isObject(config) ? config : fail("config", "an object"),
    storeDir,
    fromImage: optional("from_image"),
    storeLayers: isArray(layers)
      ? layers.map((layer) => (isArray(layer) ? layer.map(path) : fail("store_layers", "a list of lists")))
      : fail("store_layers", "a list"),
    customisationLayer: optional("customisation_layer"),
    repoTag: text("repo_tag"),
    created: parseTime(text("created"), "created").iso,
    mtime: parseTime(text("mtime"), "mtime").seconds,
    owner: { uid: id("uid"), gid: id("gid"), uname: text("uname"), gname: text("gname") },
  };
}

function storeLayers(
  conf: Conf,
  hashes: KnownHashes | undefined,
  tools: LayerTools,
  onHashed: (
    paths: readonly StorePath[],
    event: { readonly hashed: number; readonly size: number | undefined },
    index: number,
  ) => void,
): Layer[] {
  return conf.storeLayers.map((paths, index) => {
    const narSize = hashes && paths.reduce((sum, path) => sum + hashes.narSize(path), 0);
    return new StorePathLayer({
      paths,
      parents: ["/nix", "/nix/store"], // whatever the store's directory is
      owner: conf.owner,
      mtime: conf.mtime,
      locate: (path) => ({ disk: path }),
      narHash: (path) => hashes?.narHash(path),
      narSize,
      onHashed: (hashed) => {
        onHashed(paths, { hashed, size: narSize && Math.max(narSize, hashed) }, index);
      },
      ...tools,
    });
  });
}

/** The layer that Nix built: `layer.tar`, and its `checksum`. The archive's member belongs to the file's owner. */
function openCustomisationLayer(folder: string, mtime: number): Disposable & { readonly layer: Layer } {
  const tar = `${folder}/layer.tar`;
  let checksum: string;
  let stats: ReturnType<typeof lstatSync>;
  try {
    checksum = readFileSync(`${folder}/checksum`, "latin1").trim();
    stats = lstatSync(tar);
  } catch (cause) {
    throw new LaminixError("ERR_FILE_READ", `${folder} cannot be read`, { cause, details: { path: folder } });
  }
  if (!/^[0-9a-f]{64}$/.test(checksum) || !stats.isFile()) {
    throw new LaminixError("ERR_CONF", `${folder} has no layer.tar with a checksum`, {
      details: { path: folder },
    });
  }
  const name = `${checksum}/layer.tar`;
  const owner = {
    uid: stats.uid,
    gid: stats.gid,
    uname: toByteString(accountName("passwd", stats.uid)),
    gname: toByteString(accountName("group", stats.gid)),
  };
  const { size } = stats;
  const header = Buffer.from(
    new HeaderEncoder(owner, mtime).encode({
      type: "file",
      name,
      mode: stats.mode & 0o7777,
      size,
      linkname: "",
    }),
  );
  const diffId: Digest = `sha256:${checksum}`;
  const member = { name, header, size };
  const file = StoredFile.open(tar);
  const stored = { ...wholeOf(file), size };
  return {
    layer: archivedLayer({
      ...{ kind: "root", sources: [folder], member, diffId, path: tar },
      ...{ stored: () => stored, unpacking: new Unpacking() },
    }),
    [Symbol.dispose]: () => {
      file.close();
    },
  };
}

interface KnownHashes {
  readonly roots: HeldRoots;
  narHash(path: StorePath): string | undefined;
  narSize(path: StorePath): number;
}

/** What the store knows, if there is one and it knows all. */
async function hashesFrom(
  store: StoreSource | undefined,
  { storeDir, storeLayers: layers }: Conf,
  { signal }: StreamConfOptions,
): Promise<KnownHashes | undefined> {
  const paths = layers.flat();
  if (!store?.vouchesForHashes || !store.tempRoots || paths.length === 0) return undefined;
  try {
    if ((await store.storeDir({ signal, near: paths[0] })) !== storeDir) return undefined;
    const closing = store.closure(paths, { signal });
    closing.catch(() => undefined);
    const roots = await store.tempRoots(paths, { signal });
    try {
      const closure = await closing;
      return {
        roots,
        narHash: (path) => closure.get(path)?.narHash,
        narSize: (path) => closure.get(path)?.narSize ?? 0,
      };
    } catch (error) {
      await roots.close();
      throw error;
    }
  } catch (error) {
    if (signal?.aborted || !(error instanceof LaminixError)) throw error;
    return undefined;
  }
}

function malformed(file: string, why: string): LaminixError {
  return new LaminixError("ERR_CONF", `${file} is not a conf.json of streamLayeredImage: ${why}`, {
    details: { path: file },
  });
}
