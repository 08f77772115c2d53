/** A layer that lies in an archive or a folder on this disk, as a plain or a compressed tar. */
import type { Compression } from "../compress/compressions.js";
import { type BorrowedBytes, PIECE } from "../bytes/bytes.js";
import { type Digest, digestOfPieces, Digester, requireDigest } from "../bytes/digest.js";
import { type Region, regionPieces } from "../files/storedFile.js";
import type { Descriptor } from "../image/descriptor.js";
import type { ArchiveMember, Encoding, Layer, LayerOptions, PackedLayer } from "../image/layer.js";
import { isForeign } from "../manifests/descriptor.js";
import { DOCKER_LAYER } from "../manifests/mediaTypes.js";
import type { LayerKind } from "../progress.js";
import type { Unpacking } from "./plainTar.js";
import { compressionOf, encodings, unpackedLayer } from "./unpack.js";

export interface ArchivedLayerOptions {
  readonly kind: LayerKind;
  readonly sources: readonly string[];
  readonly diffId: Digest;
  /** What it lies in, for errors. */
  readonly path: string;
  /** Its bytes, plain or compressed; asked for when they are needed. */
  readonly stored: () => Region;
  /** Where a manifest leads to it. */
  readonly descriptor?: Descriptor;
  readonly member?: ArchiveMember;
  readonly unpacking: Unpacking;
}

const suffixes: Readonly<Record<Compression, string>> = {
  none: "",
  gzip: ".gzip",
  zstd: ".zstd",
  xz: ".xz",
  bzip2: ".bzip2",
  br: ".br",
};

export function archivedLayer(options: ArchivedLayerOptions): Layer {
  const { kind, sources, diffId, path, stored, descriptor, member, unpacking } = options;
  const name = `the layer ${sources.join(" ")} in ${path}`;
  const compression = (): Compression => compressionOf(stored(), { name, mediaType: descriptor?.mediaType });
  const tar = unpacking.add({
    name,
    diffId,
    plain: () => (compression() === "none" ? stored() : undefined),
    unpack: (signal) =>
      unpackedLayer(stored(), compression(), {
        ...{ name, digest: descriptor?.digest, diffId, signal, budget: unpacking.budget },
      }),
  });
  const openStored = ({ signal }: LayerOptions = {}): BorrowedBytes =>
    regionPieces(stored(), { signal, buffer: Buffer.allocUnsafeSlow(PIECE) });
  const packed: PackedLayer | undefined = descriptor && {
    ...descriptor,
    diffId,
    get encoding(): Encoding | undefined {
      return encodings[compression()];
    },
    open: (opening) => verified(openStored(opening), name, descriptor.digest),
  };
  const described = async ({ signal }: LayerOptions = {}): Promise<Descriptor> => {
    const found = compression();
    const digest = found === "none" ? diffId : await digestOfPieces(openStored({ signal }));
    return { mediaType: `${DOCKER_LAYER}${suffixes[found]}`, digest, size: stored().size };
  };
  const existing = {
    diffId,
    access: tar.access.bind(tar),
    release: tar.release.bind(tar),
  };
  const isElsewhere = packed && isForeign(packed);
  return {
    kind,
    sources,
    source: isElsewhere
      ? { ...existing, kind: "foreign", packed, urls: packed.urls ?? [] }
      : {
          ...existing,
          kind: "stored",
          get encoding(): Encoding | undefined {
            return encodings[compression()];
          },
          packed,
          member,
          descriptor: packed ? () => Promise.resolve(packed) : described,
          openStored,
        },
    diffId: tar.digest.bind(tar),
    open: tar.open.bind(tar),
  };
}

async function* verified(pieces: BorrowedBytes, name: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const digester = new Digester();
  for await (const piece of pieces) {
    digester.update(piece);
    yield piece;
  }
  requireDigest(name, digest, digester.digest());
}
