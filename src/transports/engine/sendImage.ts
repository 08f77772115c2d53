/** One image on its way into an engine: what the engine lacks of it, and its names. */
import { abortScope } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import type { NamedImage } from "../../image/image.js";
import { knownDiffId, type Layer, type LayerDigest } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import { STORE_TIME } from "../../image/time.js";
import { writeDockerArchives } from "../dockerArchive/write.js";
import { writeOciArchive } from "../ociLayout/writeArchive.js";
import type { EngineClient } from "./client.js";
import { inspectImage, tagImage } from "./images.js";
import { loadArchive } from "./load.js";
import { manifestDigest } from "./manifestDigest.js";
import { presentLayers } from "./presentLayers.js";
import type { LoadStrategy } from "./loadStrategy.js";

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before the end of an archive; what it rejects with keeps the image from being loaded. */
  readonly beforeEnd?: (() => Promise<void>) | undefined;
  /** Called when a layer begins to be sent. */
  readonly onLayer?: ((layer: Layer, digest: LayerDigest, index: number, count: number) => void) | undefined;
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
  strategy: LoadStrategy,
  named: NamedImage,
  options: SendOptions = {},
): Promise<SentImage> {
  const { signal, onNote } = options;
  const { image } = named;
  const diffIds = await diffIdsOf(image.layers, signal);
  const id = strategy.id === "manifest" ? await manifestDigest(named, signal) : image.config(diffIds).digest;
  const references = named.references.map(strategy.listed);
  const [name = id] = references;
  const before = await inspectImage(client, id, { signal });
  if (before) onNote?.(`${strategy.name} has ${name} already: nothing is sent`);
  const sending = { ...options, client, strategy, named, diffIds, references };
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
  readonly strategy: LoadStrategy;
  readonly named: NamedImage;
  readonly diffIds: readonly Digest[];
  /** As the engine lists them. */
  readonly references: readonly string[];
}

/** Sends what the engine seems to lack; all, where it turns out to lack more. */
async function sendLacking(sending: Sending): Promise<Pick<SentImage, "sent" | "layersSent">> {
  const { client, strategy, diffIds, references, signal, onNote } = sending;
  const { size: layers } = new Set(diffIds);
  let sent = 0;
  const send = async (leaveOut: ReadonlySet<Digest>): Promise<number> => {
    const archive = archiveOf(sending, leaveOut);
    const before = sent;
    await loadArchive(client, archive, { signal, onSent: (bytes) => (sent = before + bytes) });
    return layers - leaveOut.size;
  };
  const present = await presentLayers(client, strategy.reuses, diffIds, { near: references[0], signal });
  if (strategy.reuses === "none") onNote?.(`${strategy.name} takes whole images only: all layers are sent`);
  if (present.size === 0) return { layersSent: await send(present), sent };
  onNote?.(`${strategy.name} has ${String(present.size)} of ${String(layers)} layers already`);
  try {
    return { layersSent: await send(present), sent };
  } catch (error) {
    // Images may have been removed since they were looked at.
    if (!(error instanceof LaminixError) || error.code !== "ERR_ENGINE") throw error;
    onNote?.(`${strategy.name} does not take it without these layers: all are sent`);
    return { layersSent: await send(new Set()), sent };
  }
}

/** Those of layers that an image brings along are known without unpacking them. */
async function diffIdsOf(layers: readonly Layer[], signal: AbortSignal | undefined): Promise<Digest[]> {
  using scope = abortScope(signal);
  return await Promise.all(
    layers.map(async (layer) => knownDiffId(layer) ?? (await layer.diffId({ signal: scope.signal })).diffId),
  );
}

/** podman takes an archive of a layout for one image only if it has one name; it gets the others later. */
function archiveOf(sending: Sending, leaveOut: ReadonlySet<Digest>): AsyncGenerator<Uint8Array> {
  const { strategy, named, references, signal, onLayer, beforeEnd } = sending;
  const common = { signal, mtime: STORE_TIME, leaveOut };
  const { image } = named;
  if (strategy.archive === "oci-archive") {
    return writeOciArchive([{ image, references: references.slice(0, 1) }], {
      ...common,
      encoding: "none",
      beforeIndex: beforeEnd,
      onLayer,
    });
  }
  return writeDockerArchives([{ image, references }], { ...common, beforeManifest: beforeEnd, onLayer });
}
