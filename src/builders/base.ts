/** The image that another is built upon. */
import type { JsonObject } from "../image/json.js";
import { isObject } from "../image/json.js";
import { type ArchivedImage, DockerArchive } from "../transports/dockerArchive/read.js";
import { layerBytes } from "../transports/layerBytes.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import { folderAt } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";

export class Base implements Disposable {
  readonly image: ArchivedImage;
  readonly diffIds: readonly string[];
  readonly #archive: DockerArchive;
  readonly #resources: Disposable[] = [];
  #root: Promise<FolderNode> | undefined;

  private constructor(archive: DockerArchive, image: ArchivedImage, diffIds: readonly string[]) {
    this.#archive = archive;
    this.image = image;
    this.diffIds = diffIds;
  }

  static async open(path: string, options: { readonly signal?: AbortSignal | undefined }): Promise<Base> {
    const archive = await DockerArchive.open(path, options);
    const [image] = archive.images as [ArchivedImage];
    const digests = await Promise.all(image.layers.map((layer) => layer.diffId()));
    return new Base(
      archive,
      image,
      digests.map(({ diffId }) => diffId),
    );
  }

  get config(): JsonObject | undefined {
    const config = this.image.configFile.get("config");
    return isObject(config) ? config : undefined;
  }

  /**
   * What its layers add up to. The names are read, not the files.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_UNSUPPORTED
   */
  root(signal: AbortSignal | undefined): Promise<FolderNode> {
    this.#root ??= this.#read(signal);
    return this.#root;
  }

  /** Names in the store's directory: what the image has there already. */
  async storeNames(storeDir: string, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const folder = folderAt(await this.root(signal), storeDir)?.folder;
    return new Set(folder?.children.keys());
  }

  /** May be called again. */
  [Symbol.dispose](): void {
    this.#archive.close();
    for (const resource of this.#resources.splice(0)) resource[Symbol.dispose]();
  }

  async #read(signal: AbortSignal | undefined): Promise<FolderNode> {
    const root = emptyRoot();
    const adopt = (resource: Disposable): void => {
      this.#resources.push(resource);
    };
    for (const layer of this.image.layers) {
      signal?.throwIfAborted();
      applyLayer(root, await layerBytes(layer, { signal, adopt }), layer.sources.join(" "));
    }
    return root;
  }
}
