/** One image on its way into an engine: what the engine lacks of it, and its names. */
import { abortScope } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import type { Layer, LayerDigest } from "../../image/layer.js";
import { type Digest, digestOf } from "../../bytes/digest.js";
import { STORE_TIME } from "../../image/time.js";
import { writeImages } from "../dockerArchive/write.js";
import type { CarriedImage } from "../../manifests/imageContents.js";
import { manifestDigest } from "../../manifests/manifestDigest.js";
import { writeOciArchive } from "../ociLayout/writeArchive.js";
import type { ReadyLayer } from "../../image/storedImage.js";
import type { EngineClient } from "./client.js";
import { inspectImage, tagImage } from "./images.js";
import { loadArchive } from "./load.js";
import { presentLayers } from "./presentLayers.js";
import type { EngineWay } from "./ways.js";

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before the end of an archive; what it rejects with keeps the image from being loaded. */
  readonly beforeEnd?: (() => Promise<void>) | undefined;
  /** Called when a layer begins to be sent. */
  readonly onLayer?: (layer: Layer, digest: LayerDigest, index: number, count: number) => void;
  /** Called with what is good to know. */
  readonly onNote?: (message: string) => void;
}

export interface SentImage {
  readonly id: string;
  /** As the engine lists them. */
  readonly references: readonly string[];
  /** Bytes. */
  readonly sent: number;
  /** Layers that are the same count once. */
  readonly layers: number;
  readonly layersSent: number;
}

/** @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE, and what reading the image throws */
export async function sendImage(
  client: EngineClient,
  way: EngineWay,
  image: CarriedImage,
  options: SendOptions = {},
): Promise<SentImage> {
  const { signal, onNote } = options;
  const diffIds = await diffIdsOf(image.layers, signal);
  const id =
    way.id === "manifest"
      ? await manifestDigest(image, { encoding: "none", signal })
      : digestOf(image.config(diffIds));
  const references = image.references.map(way.listed);
  const [name = id] = references;
  const before = await inspectImage(client, id, { signal });
  if (before) onNote?.(`${way.name} has ${name} already: nothing is sent`);
  const sending = { ...options, client, way, image, diffIds, references };
  const { sent, layersSent } = before ? { sent: 0, layersSent: 0 } : await sendLacking(sending);
  const there = before ?? (await inspectImage(client, id, { signal }));
  if (!there) throw client.refusal(`it has taken ${name} and does not have it`, { id });
  for (const reference of references) {
    if (!there.references.includes(reference)) await tagImage(client, there.id, reference, { signal });
  }
  return { id: there.id, references, sent, layers: new Set(diffIds).size, layersSent };
}

interface Sending extends SendOptions {
  readonly client: EngineClient;
  readonly way: EngineWay;
  readonly image: CarriedImage;
  readonly diffIds: readonly Digest[];
  /** As the engine lists them. */
  readonly references: readonly string[];
}

/** Sends what the engine seems to lack; all, where it turns out to lack more. */
async function sendLacking(sending: Sending): Promise<Pick<SentImage, "sent" | "layersSent">> {
  const { client, way, diffIds, references, signal, onNote } = sending;
  const { size: layers } = new Set(diffIds);
  let sent = 0;
  const send = async (leaveOut: ReadonlySet<Digest>): Promise<number> => {
    const archive = archiveOf(sending, leaveOut);
    await loadArchive(client, archive, { signal, onSent: (bytes) => (sent += bytes) });
    return layers - leaveOut.size;
  };
  const present = await presentLayers(client, way.reuses, diffIds, { near: references[0], signal });
  if (way.reuses === "none") onNote?.(`${way.name} takes whole images only: all layers are sent`);
  if (present.size === 0) return { layersSent: await send(present), sent };
  onNote?.(`${way.name} has ${String(present.size)} of ${String(layers)} layers already`);
  try {
    return { layersSent: await send(present), sent };
  } catch (error) {
    // Images may have been removed since they were looked at.
    if (!(error instanceof LaminixError) || error.code !== "ERR_ENGINE") throw error;
    onNote?.(`${way.name} does not take it without these layers: all are sent`);
    return { layersSent: await send(new Set()), sent };
  }
}

/** Those of layers that lie in archives are known without unpacking them. */
async function diffIdsOf(layers: readonly Layer[], signal: AbortSignal | undefined): Promise<Digest[]> {
  using scope = abortScope(signal);
  return await Promise.all(
    layers.map(async (layer) => layer.expected ?? (await layer.diffId({ signal: scope.signal })).diffId),
  );
}

/** podman takes an archive of a layout for one image only if it has one name; it gets the others later. */
function archiveOf(sending: Sending, leaveOut: ReadonlySet<Digest>): AsyncGenerator<Uint8Array> {
  const { way, image, diffIds, references, signal, onLayer, beforeEnd } = sending;
  const common = { signal, mtime: STORE_TIME, leaveOut };
  if (way.archive === "oci-archive") {
    return writeOciArchive([{ ...image, references: references.slice(0, 1) }], {
      ...common,
      encoding: "none",
      ...(beforeEnd && { beforeIndex: beforeEnd }),
      onLayer: ({ layer }, digest, index, count) => onLayer?.(layer, digest, index, count),
    });
  }
  const layers = [...new Set(image.layers)];
  return writeImages([{ references, config: image.config(diffIds), layers: image.layers }], {
    ...common,
    ...(beforeEnd && { beforeManifest: beforeEnd }),
    onLayer: (index, digest) => {
      const [layer, before] = [layers[index], layers[index - 1]];
      if (isReady(before)) before.close(); // what was unpacked of it takes room on the disk
      if (layer) onLayer?.(layer, digest, index, layers.length);
    },
  });
}

function isReady(layer: Layer | undefined): layer is ReadyLayer {
  return layer?.expected !== undefined;
}
