/** Sees to it that a repository has a layer: looks whether it is there, mounts it from elsewhere, or sends it. */
import type { LayerFate } from "../../progress.js";
import type { Descriptor } from "../../image/descriptor.js";
import type { LayerBlob } from "../../manifests/blob.js";
import type { Layer, LayerDigest } from "../../image/layer.js";
import type { Digest } from "../../bytes/digest.js";
import type { Turns } from "../../threads/turns.js";
import { isSmall, isUnpacked } from "../layersAtOnce.js";
import type { WrittenLayer } from "../../manifests/imageContents.js";
import { hasBlob, mountBlob } from "./blobs.js";
import type { RegistryClient } from "./client.js";
import { uploadBlob } from "./upload.js";

export interface PushedLayer extends WrittenLayer {
  readonly layer: Layer;
  readonly fate: LayerFate;
  /** What compressed it, where that was done here. */
  readonly encoder?: string | undefined;
}

export interface PushEvent {
  readonly blob: LayerBlob;
  /** Of the tar in it. */
  readonly diffId: Digest;
  /** Told when it is over. */
  readonly fate?: LayerFate;
  /** Where it is known already. */
  readonly digest?: Digest | undefined;
  /** Bytes so far. */
  readonly sent: number;
  /** Bytes; while those of the packed layer are not known, those of the tar in it. */
  readonly size: number;
}

export interface LayerSenderOptions {
  readonly client: RegistryClient;
  readonly repository: string;
  /** Whether an image that was there before has it. */
  readonly isThere: (digest: Digest) => boolean;
  /** Of blobs that need not be compressed, and are sent beside one another. */
  readonly uploads: Turns;
  /** Nothing is sent or mounted. */
  readonly dryRun?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly onPush?: ((event: PushEvent) => void) | undefined;
}

export class LayerSender {
  /** Bytes that were sent, those that had to be sent again among them. */
  sent = 0;
  readonly #blob: LayerBlob;
  readonly #options: LayerSenderOptions;
  #looking: Promise<LayerFate | undefined> | undefined;

  constructor(blob: LayerBlob, options: LayerSenderOptions) {
    this.#blob = blob;
    this.#options = options;
  }

  /** Whether the repository has it, or has it now; asked once. `undefined` too where its digest is not known yet. */
  look(): Promise<LayerFate | undefined> {
    this.#looking ??= this.#look();
    return this.#looking;
  }

  /**
   * What takes the processor.
   * @returns what takes the network
   */
  async begin(plain: LayerDigest): Promise<() => Promise<PushedLayer>> {
    const { signal, uploads } = this.#options;
    const blob = this.#blob;
    const fate = await this.look();
    if (fate) return () => this.#end(plain, fate);
    if (blob.kind === "compressed" && !isSmall(plain)) {
      // The next one is compressed while the registry says that this one has arrived.
      let sending = Promise.resolve();
      await new Promise<void>((resolve, reject) => {
        sending = this.#send(plain, resolve);
        sending.then(resolve, reject);
      });
      return async () => {
        await sending;
        return this.#end(plain, "sent");
      };
    }
    if (blob.kind === "compressed" && !(await blob.known({ signal }))) {
      await blob.make({ signal });
      this.#looking = undefined;
    }
    const send = async (): Promise<PushedLayer> => {
      const found = await this.look();
      if (!found) await uploads.take(() => this.#send(plain));
      return this.#end(plain, found ?? "sent");
    };
    if (blob.kind === "compressed" || !isUnpacked(blob)) return send;
    // It lies unpacked on the disk until it has been sent, and the next one is not to lie beside it.
    const sent = await send();
    return () => Promise.resolve(sent);
  }

  async #look(): Promise<LayerFate | undefined> {
    const { client, repository, isThere, dryRun, signal } = this.#options;
    const { origin, kind } = this.#blob;
    if (kind === "foreign") return "foreign";
    const known = await this.#blob.known({ signal });
    if (!known) return undefined;
    const { digest } = known;
    if (isThere(digest)) return "unread";
    if (await hasBlob(client, repository, digest, { signal })) return "there";
    const from = origin?.registry === client.registry ? origin.repository : repository;
    if (from === repository) return undefined;
    return dryRun || (await mountBlob(client, repository, { digest, from }, { signal }))
      ? "mounted"
      : undefined;
  }

  /** @param onRead called when all bytes have been made, which is before the registry has said that they arrived */
  async #send(plain: LayerDigest, onRead?: () => void): Promise<void> {
    const { client, repository, signal } = this.#options;
    const known = await this.#blob.known({ signal });
    const { digest, size } = known ?? {};
    const open = (options: { readonly signal?: AbortSignal | undefined }): AsyncGenerator<Uint8Array> =>
      this.#counted(this.#blob.open(options), plain, known, onRead);
    await uploadBlob(client, repository, { digest, size, open }, { signal });
  }

  async *#counted(
    pieces: AsyncIterable<Uint8Array>,
    plain: LayerDigest,
    known: Descriptor | undefined,
    onRead: (() => void) | undefined,
  ): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const piece of pieces) {
      yield piece;
      sent += piece.length;
      this.sent += piece.length;
      this.#tell(plain, known, { sent });
    }
    onRead?.();
  }

  async #end(plain: LayerDigest, fate: LayerFate): Promise<PushedLayer> {
    const { signal } = this.#options;
    const descriptor = await this.#blob.descriptor({ signal });
    // What another image has may be of another encoder.
    const encoder = fate === "unread" ? undefined : await this.#blob.encoder();
    this.#tell(plain, descriptor, { fate, sent: this.sent });
    this.#blob[Symbol.dispose](); // what was compressed of it takes room on the disk
    return { layer: this.#blob.layer, diffId: plain.diffId, descriptor, fate, encoder };
  }

  #tell(
    { diffId, size }: LayerDigest,
    known: Descriptor | undefined,
    news: Pick<PushEvent, "fate" | "sent">,
  ): void {
    const event = { blob: this.#blob, diffId, digest: known?.digest, size: known?.size ?? size };
    this.#options.onPush?.({ ...event, ...news });
  }
}
