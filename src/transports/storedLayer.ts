/** A layer that lies in an archive or a folder on this disk, as a plain or a compressed tar. */
import type { Compression } from "../compress/decompress.js";
import { LaminixError } from "../errors.js";
import { type RandomAccess, PIECE } from "../bytes/bytes.js";
import type {
  Annotations,
  Encoding,
  LayerDigest,
  LayerOptions,
  PackedLayer,
  StoredOptions,
} from "../image/layer.js";
import type { LayerKind } from "../progress.js";
import { type Digest, Digester, requireDigest } from "../bytes/digest.js";
import type { Turns } from "../threads/turns.js";
import type { ReadyLayer, StoredDescriptor } from "../image/storedImage.js";
import { type Region, regionPieces, regionTar, type StoredFile, wholeOf } from "../files/storedFile.js";
import { compressionOf, compressions, spooled, unpackedPieces } from "./unpack.js";
import type { UnpackBudget } from "./unpackBudget.js";

/** How the layer is written in the docker-archive that it comes from. */
export interface ArchiveMember {
  readonly name: string;
  /** The member's header in canonical form, PAX blocks included. */
  readonly header: Buffer;
  /** Bytes of the member's own body: 0 for a link. */
  readonly size: number;
}

export interface StoredLayerOptions {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly diffId: Digest;
  /** Its bytes, plain or compressed. */
  readonly stored: Region;
  /** Of the bytes as they are stored, where a manifest tells it. */
  readonly digest?: Digest;
  readonly mediaType?: string;
  /** Those of its descriptor. */
  readonly annotations?: Annotations;
  readonly member?: ArchiveMember;
  /** Shared by an image's layers, so that they are unpacked one after the other. */
  readonly turns: Turns;
  /** For what is unpacked. */
  readonly budget?: UnpackBudget | undefined;
}

const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
const suffixes: Readonly<Record<Compression, string>> = {
  none: "",
  gzip: ".gzip",
  zstd: ".zstd",
  xz: ".xz",
  bzip2: ".bzip2",
  br: ".br",
};

export class StoredLayer implements ReadyLayer {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly member: ArchiveMember | undefined;
  readonly expected: Digest;
  readonly #options: StoredLayerOptions;
  #unpacked: StoredFile | undefined;
  #checked = false;

  constructor(options: StoredLayerOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.sources = options.sources;
    this.member = options.member;
    this.expected = options.diffId;
  }

  /** Unpacks a compressed layer, since its size is not known before. */
  async diffId({ signal }: LayerOptions = {}): Promise<LayerDigest> {
    const { size } = await this.#plain(signal);
    return { diffId: this.expected, size };
  }

  /** @throws {LaminixError} ERR_DIGEST at the end, when the bytes are not those of the diffID; ERR_ARCHIVE, ERR_CLOSED */
  async *open({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const plain = await this.#plain(signal);
    // Nobody else can change what has been unpacked; an archive may have changed since it was read.
    const digester = this.#unpacked ? undefined : new Digester();
    for await (const piece of regionPieces(plain, { signal, buffer: Buffer.allocUnsafeSlow(PIECE) })) {
      digester?.update(piece);
      yield piece;
    }
    if (digester) requireDigest(this.#name, this.expected, digester.digest());
  }

  /** The bytes as they are stored, unchecked. */
  openStored({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    return regionPieces(this.#options.stored, { signal, buffer: Buffer.allocUnsafeSlow(PIECE) });
  }

  get asStored(): PackedLayer | undefined {
    const { stored, digest, annotations } = this.#options;
    if (digest === undefined) return undefined;
    const { size } = stored;
    return {
      diffId: this.expected,
      digest,
      size,
      annotations,
      open: (options) => this.#verified(digest, options),
    };
  }

  packed(encoding: Encoding): PackedLayer | undefined {
    const { asStored } = this;
    return asStored && this.#compression === compressions[encoding] ? asStored : undefined;
  }

  async *#verified(digest: Digest, options: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const digester = new Digester();
    for await (const piece of this.openStored(options)) {
      digester.update(piece);
      yield piece;
    }
    requireDigest(this.#name, digest, digester.digest());
  }

  /**
   * The plain tar, to be read at any place until the image is closed. Checked before, unless it is `trusted`.
   * @throws {LaminixError} as `open`
   */
  async stored({ signal, trusted = false }: StoredOptions = {}): Promise<RandomAccess> {
    const plain = await this.#plain(signal);
    if (!trusted && !this.#unpacked && !this.#checked) {
      const pieces = this.open({ signal });
      while (!(await pieces.next()).done);
      this.#checked = true;
    }
    return regionTar(plain);
  }

  async descriptor({ signal }: LayerOptions = {}): Promise<StoredDescriptor> {
    const { stored, digest, mediaType } = this.#options;
    const compression = this.#compression;
    const found = digest ?? (compression === "none" ? this.expected : await digestOfRegion(stored, signal));
    return {
      mediaType: mediaType ?? `${DOCKER_LAYER}${suffixes[compression]}`,
      digest: found,
      size: stored.size,
    };
  }

  close(): void {
    this.#unpacked?.close();
    this.#unpacked = undefined;
  }

  get #compression(): Compression {
    const { stored, mediaType } = this.#options;
    return compressionOf(stored, { name: this.#name, mediaType });
  }

  get #name(): string {
    return `the layer ${this.sources.join(" ")} in ${this.#options.stored.file.path}`;
  }

  async #plain(signal: AbortSignal | undefined): Promise<Region> {
    const { stored, turns } = this.#options;
    const compression = this.#compression;
    if (compression === "none") return stored;
    await turns.take(async () => {
      signal?.throwIfAborted();
      this.#unpacked ??= await this.#unpack(compression, signal);
    });
    if (this.#unpacked) return wholeOf(this.#unpacked);
    throw new LaminixError("ERR_CLOSED", `${stored.file.path} has been closed`);
  }

  async #unpack(compression: Compression, signal: AbortSignal | undefined): Promise<StoredFile> {
    const { stored, digest, budget } = this.#options;
    const packed = new Digester();
    const plain = new Digester();
    async function* pieces(): AsyncGenerator<Uint8Array> {
      const onPacked = (piece: Uint8Array): unknown => digest && packed.update(piece);
      for await (const piece of unpackedPieces(stored, compression, { signal, onPacked })) {
        plain.update(piece);
        yield piece;
      }
    }
    const file = await spooled(stored.file.path, pieces(), budget);
    try {
      if (digest) requireDigest(this.#name, digest, packed.digest());
      requireDigest(this.#name, this.expected, plain.digest());
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

async function digestOfRegion(region: Region, signal: AbortSignal | undefined): Promise<Digest> {
  const digester = new Digester();
  for await (const piece of regionPieces(region, { signal, buffer: Buffer.allocUnsafeSlow(PIECE) })) {
    digester.update(piece);
  }
  return digester.digest();
}
