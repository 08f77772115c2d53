/** A layer made of store paths. */
import { LaminixError } from "../errors.js";
import { toByteString } from "../bytes/byteString.js";
import { type PathFiles, requireNarHash } from "../nar/source.js";
import type { StorePath } from "../store/storePath.js";
import type { BytesOrPart, FilePart } from "../files/filePart.js";
import { largePart, type PartOf } from "../tar/archive.js";
import type { Owner } from "../tar/header.js";
import type { LayerTar } from "../tar/layerTar.js";
import type { MadeTar, TarPool } from "../tar/pool.js";
import { readLayerTar } from "../tar/read.js";
import type { DigestCache } from "./digestCache.js";
import {
  type DigestOptions,
  hashOf,
  type Layer,
  type LayerDigest,
  type LayerOptions,
  type MadeSource,
} from "./layer.js";

/** Changes when the same store paths would give other bytes than before. */
const FORMAT = 1;

export type Locate = (path: StorePath) => PathFiles | Promise<PathFiles>;

export interface StorePathLayerOptions {
  readonly paths: readonly StorePath[];
  /** Folders above the store paths, from the top; `/nix` and `/nix/store`, say. */
  readonly parents: readonly string[];
  readonly owner: Owner;
  /** Unix seconds. */
  readonly mtime: number;
  /** Where a path's files are. */
  readonly locate: Locate;
  /** SRI of a path's NAR; without it for every path the layer has no content key. */
  readonly narHash: (path: StorePath) => string | undefined;
  /** Bytes of the paths' NARs together, where known. */
  readonly narSize?: number | undefined;
  /** Called with the bytes of the tar that have been hashed so far, and with all of them. */
  readonly onHashed?: ((bytes: number) => void) | undefined;
  readonly pool: TarPool;
  readonly cache?: DigestCache | undefined;
}

export class StorePathLayer implements Layer {
  readonly kind = "store";
  readonly sources: readonly StorePath[];
  readonly source: MadeSource;
  readonly #options: StorePathLayerOptions;
  #digest: Promise<LayerDigest> | undefined;
  /** What is known of the tar that the digest is of. */
  #hashed: { readonly size: number; readonly fingerprint?: number } | undefined;
  /** The tar with its bytes, from when it is hashed to when it is read. */
  #made: MadeTar | undefined;

  constructor(options: StorePathLayerOptions) {
    this.#options = options;
    this.sources = options.paths;
    this.source = { kind: "made", contentKey: contentKeyOf(options) };
  }

  diffId(options: DigestOptions = {}): Promise<LayerDigest> {
    if (!this.#digest) {
      const digest = this.#find(options);
      this.#digest = digest;
      digest.catch(() => (this.#digest = undefined)); // an aborted hash may be asked for again
    }
    return this.#digest;
  }

  open(options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    return this.#read(options);
  }

  openParts(options: LayerOptions = {}): AsyncGenerator<BytesOrPart> {
    return this.#read(options, largePart);
  }

  async *#read<Part extends FilePart = never>(
    { signal }: LayerOptions,
    partOf?: PartOf<Part>,
  ): AsyncGenerator<Uint8Array | NoInfer<Part>> {
    const made = this.#made;
    this.#made = undefined;
    if (made?.kept) {
      try {
        this.#verify(made);
        yield made.kept.bytes;
      } finally {
        made.kept.release();
      }
    } else {
      yield* readLayerTar(await this.#tar(), {
        signal,
        partOf,
        onEnd: (summary) => {
          this.#verify(summary);
        },
      });
    }
  }

  async #find({ signal, thenRead = false }: DigestOptions): Promise<LayerDigest> {
    const { cache, pool } = this.#options;
    const { contentKey } = this.source;
    const cached = contentKey === undefined ? undefined : cache?.get(contentKey);
    if (cached) {
      this.#hashed = { size: cached.size };
      return cached;
    }
    const { narSize: weight, onHashed } = this.#options;
    const made = await pool.hash(await this.#tar(), { signal, keep: thenRead, weight, onHashed });
    const { sha256, size, fingerprint } = made;
    onHashed?.(size);
    if (made.kept) this.#made = made;
    this.#hashed = { size, fingerprint };
    const digest: LayerDigest = { diffId: `sha256:${sha256}`, size };
    if (contentKey !== undefined) cache?.put(contentKey, digest);
    return digest;
  }

  #verify({ size, fingerprint }: { readonly size: number; readonly fingerprint: number }): void {
    const hashed = this.#hashed;
    if (!hashed || (hashed.size === size && (hashed.fingerprint ?? fingerprint) === fingerprint)) return;
    const { contentKey } = this.source;
    if (contentKey !== undefined) this.#options.cache?.remove(contentKey);
    throw new LaminixError(
      "ERR_FILE_CHANGED",
      `the files of a layer changed after it was hashed: ${this.sources.join(", ")}`,
      {
        details: { paths: this.sources },
        hint: "`nix-store --verify --check-contents` finds store paths that were changed",
      },
    );
  }

  async #tar(): Promise<LayerTar> {
    const { paths, parents, owner, mtime } = this.#options;
    return {
      parents: parents.map((folder) => `${toByteString(folder)}/`),
      trees: await Promise.all(paths.map((path) => this.#tree(path))),
      owner: { ...owner, uname: toByteString(owner.uname), gname: toByteString(owner.gname) },
      mtime,
    };
  }

  async #tree(path: StorePath): Promise<LayerTar["trees"][number]> {
    const files = await this.#options.locate(path);
    const name = toByteString(path);
    if ("disk" in files) return { disk: toByteString(files.disk), name };
    requireNarHash(files, path, this.#options.narHash(path));
    return { source: files, name };
  }
}

function contentKeyOf({ paths, parents, owner, mtime, narHash }: StorePathLayerOptions): string | undefined {
  const hashes = paths.map(narHash);
  if (hashes.includes(undefined)) return undefined;
  const { uid, gid, uname, gname } = owner;
  const contents = paths.map((path, i) => [path, hashes[i]]);
  return hashOf(["store paths", FORMAT, parents, mtime, uid, gid, uname, gname, contents]);
}

/** Every folder above a store's paths, from the top: `/nix`, `/nix/store`. */
export function foldersTo(storeDir: string): string[] {
  const parts = storeDir.split("/").slice(1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}
