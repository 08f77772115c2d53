/**
 * The docker-archive that skopeo writes, byte for byte: the hash of nixpkgs' `pullImage` is that of such a file. Format:
 * containers/image, docker/internal/tarfile/writer.go; the layers' legacy configurations are for Docker before 1.10.
 */
import { createHash } from "node:crypto";
import type { BorrowedBytes } from "../../bytes/bytes.js";
import { compactMembers } from "../../bytes/jsonMembers.js";
import type { Digest } from "../../bytes/digest.js";
import { LaminixError } from "../../errors.js";
import type { ConfigFile, Image } from "../../image/image.js";
import { type LayerDigest, releaseLayer } from "../../image/layer.js";
import { formatReference, parseReference } from "../../manifests/reference.js";
import { BLOCK, type Entry, HeaderEncoder, padded } from "../../tar/header.js";
import type { ArchivesOptions } from "./write.js";

/** Bytes of a file that the size field of a header can tell; for larger ones Go's extended headers would be needed. */
const LARGEST = 8 ** 11 - 1;

/** What the legacy configuration of the topmost layer has of the image's. */
const INHERITED = [
  ...["architecture", "config", "container", "container_config", "created", "docker_version", "os"],
];

const headers = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, 0, [], "zeros");

/**
 * One image under one name.
 * @param reference the name and tag, whole or short
 * @throws {LaminixError} ERR_REFERENCE, ERR_UNSUPPORTED for a layer of 8 GiB or more
 */
export async function* writeSkopeoArchive(
  image: Image,
  reference: string,
  { signal, onLayer }: Pick<ArchivesOptions, "signal" | "onLayer">,
): AsyncGenerator<Uint8Array> {
  const { tag = "latest", ...rest } = parseReference(reference);
  const name = formatReference({ registry: rest.registry, repository: rest.repository });
  const diffIds: Digest[] = [];
  for (const [index, layer] of image.layers.entries()) {
    signal?.throwIfAborted();
    const digest = await layer.diffId({ signal, thenRead: true });
    const isWritten = diffIds.includes(digest.diffId);
    diffIds.push(digest.diffId);
    if (isWritten) continue;
    onLayer?.(layer, digest, index, image.layers.length);
    yield* layerMember(digest, layer.open({ signal }));
    releaseLayer(layer);
  }
  const config = image.config(diffIds);
  yield fileMember(`${hexOf(config.digest)}.json`, config.bytes);
  const legacy = legacyLayers(diffIds, config);
  for (const { id, diffId, json } of new Map(legacy.map((layer) => [layer.id, layer])).values()) {
    yield linkMember(`${id}/layer.tar`, `../${layerName(diffId)}`);
    yield fileMember(`${id}/VERSION`, Buffer.from("1.0"));
    yield fileMember(`${id}/json`, json);
  }
  signal?.throwIfAborted();
  const manifest = {
    Config: `${hexOf(config.digest)}.json`,
    RepoTags: [`${name}:${tag}`],
    Layers: diffIds.length === 0 ? null : diffIds.map(layerName),
  };
  yield fileMember("manifest.json", Buffer.from(JSON.stringify([manifest])));
  const top = legacy.at(-1);
  const repositories = top === undefined ? {} : { [name]: { [tag]: top.id } };
  yield fileMember("repositories", Buffer.from(JSON.stringify(repositories)));
  yield Buffer.alloc(2 * BLOCK);
}

interface LegacyLayer {
  readonly id: string;
  readonly diffId: Digest;
  readonly json: Buffer;
}

/** Each layer's ID is the hash of its configuration, in which the ID of the chain stands in for it. */
function legacyLayers(diffIds: readonly Digest[], config: ConfigFile): LegacyLayer[] {
  const layers: LegacyLayer[] = [];
  let chain = "";
  for (const [index, diffId] of diffIds.entries()) {
    chain = chain === "" ? diffId : `sha256:${sha256(Buffer.from(`${chain} ${diffId}`))}`;
    const parent = layers.at(-1);
    const members = new Map<string, Buffer>(index === diffIds.length - 1 ? inherited(config) : []);
    if (parent !== undefined) members.set("parent", quoted(parent.id));
    const id = sha256(sortedObject(new Map(members).set("layer_id", quoted(chain))));
    layers.push({ id, diffId, json: sortedObject(members.set("id", quoted(id))) });
  }
  return layers;
}

function inherited({ bytes }: ConfigFile): [string, Buffer][] {
  const members = compactMembers(bytes);
  return INHERITED.map((key) => [key, members.get(key) ?? Buffer.from("null")]);
}

/** As Go writes a map: by its keys, without spaces. */
function sortedObject(members: ReadonlyMap<string, Buffer>): Buffer {
  const sorted = [...members].sort(([one], [other]) => (one < other ? -1 : 1));
  const texts = sorted.flatMap(([key, value], index) => [
    Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(key)}:`),
    value,
  ]);
  return Buffer.concat([...texts, Buffer.from("}")]);
}

function quoted(text: string): Buffer {
  return Buffer.from(JSON.stringify(text));
}

async function* layerMember(
  { diffId, size }: LayerDigest,
  pieces: BorrowedBytes,
): AsyncGenerator<Uint8Array> {
  if (size > LARGEST) {
    throw new LaminixError("ERR_UNSUPPORTED", `layer ${diffId} is too large for an archive like skopeo's`, {
      details: { digest: diffId, size },
      hint: "layers of 8 GiB or more are written by `laminix pull --for laminix`",
    });
  }
  yield header({ type: "file", name: layerName(diffId), size });
  yield* pieces;
  yield Buffer.alloc(padded(size) - size);
}

function fileMember(name: string, body: Uint8Array): Buffer {
  const padding = Buffer.alloc(padded(body.length) - body.length);
  return Buffer.concat([header({ type: "file", name, size: body.length }), body, padding]);
}

function linkMember(name: string, linkname: string): Buffer {
  return header({ type: "symlink", name, linkname });
}

function header(entry: Pick<Entry, "type" | "name"> & Partial<Entry>): Buffer {
  const mode = entry.type === "symlink" ? 0 : 0o444;
  return headers.encode({ mode, size: 0, linkname: "", ...entry });
}

function layerName(diffId: Digest): string {
  return `${hexOf(diffId)}.tar`;
}

function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
