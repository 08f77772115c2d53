/**
 * The docker-archive that nixpkgs' image builder writes and `docker load` reads: each layer as `<diffID>/layer.tar`,
 * then the configuration, then `manifest.json`. Format: Docker image specification 1.2, "Combined Image JSON +
 * Filesystem Changeset Format".
 */
import { createHash } from "node:crypto";
import { configFile, type Image } from "../../image/image.js";
import { formatJson } from "../../image/json.js";
import type { Digest, Layer, LayerDigest, LayerOptions } from "../../image/layer.js";
import { endOfArchive } from "../../tar/archive.js";
import { HeaderEncoder, padded } from "../../tar/header.js";
import { StoredLayer } from "../storedLayer.js";

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** `name:tag`, as the engine will call the image. */
  readonly references: readonly string[];
  /** Unix seconds, of the archive's members. */
  readonly mtime: number;
  /**
   * What becomes of the layers of a base image: `normal`, members like all others; `verbatim`, members as they were,
   * name, owner and all, even if they are links.
   */
  readonly baseLayers: "normal" | "verbatim";
  /** Called when a layer begins to be written. */
  readonly onLayer?: (index: number, digest: LayerDigest) => void;
  /** Called when all but the manifest has been written; what it rejects with keeps the archive from being whole. */
  readonly beforeManifest?: () => Promise<void>;
}

/** The archive in pieces; each is good until the next one is asked for. */
export async function* writeDockerArchive(image: Image, options: WriteOptions): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  const headers = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, options.mtime);
  const header = (name: string, size: number): Buffer =>
    headers.encode({ type: "file", name, mode: 0o644, size, linkname: "" });
  let total = 0;
  const counted = <T extends Uint8Array>(piece: T): T => {
    total += piece.length;
    return piece;
  };

  // All are asked for at once, so that later layers are hashed while earlier ones are written.
  const pending = image.layers.map((layer) => layer.diffId({ signal, thenRead: true }));
  for (const each of pending) each.catch(() => undefined);
  const digests: LayerDigest[] = [];
  const names: string[] = [];
  for (const [index, layer] of image.layers.entries()) {
    signal?.throwIfAborted();
    const digest = await (pending[index] as Promise<LayerDigest>);
    digests.push(digest);
    options.onLayer?.(index, digest);
    const member = memberOf(layer, digest, options.baseLayers);
    names.push(member.name);
    yield counted(member.header ?? header(member.name, member.size));
    if (member.size === 0) continue;
    for await (const piece of member.open({ signal })) yield counted(piece);
    const padding = padded(member.size) - member.size;
    if (padding > 0) yield counted(Buffer.alloc(padding));
  }

  const config = Buffer.from(configFile(image, digests));
  const configName = `${sha256(config)}.json`;
  const manifest = formatJson(
    [
      new Map<string, string | readonly string[]>([
        ["Config", configName],
        ["RepoTags", options.references],
        ["Layers", names],
      ]),
    ],
    4,
  );
  yield counted(member(header(configName, config.length), config));
  signal?.throwIfAborted();
  await options.beforeManifest?.();
  yield counted(member(header("manifest.json", manifest.length), Buffer.from(manifest)));
  yield Buffer.alloc(endOfArchive(total));
}

interface LayerMember {
  readonly name: string;
  readonly size: number;
  readonly header?: Buffer;
  readonly open: (options: LayerOptions) => AsyncIterable<Uint8Array>;
}

function memberOf(
  layer: Layer,
  { diffId, size }: LayerDigest,
  baseLayers: WriteOptions["baseLayers"],
): LayerMember {
  if (baseLayers === "verbatim" && layer instanceof StoredLayer && layer.member) {
    return { ...layer.member, open: (options) => layer.openStored(options) };
  }
  return { name: `${bare(diffId)}/layer.tar`, size, open: (options) => layer.open(options) };
}

function member(header: Buffer, body: Buffer): Buffer {
  return Buffer.concat([header, body, Buffer.alloc(padded(body.length) - body.length)]);
}

function bare(digest: Digest): string {
  return digest.slice("sha256:".length);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
