/**
 * Reads a docker-archive: what `docker save`, `podman save`, skopeo and this library write. Since Docker 25 its
 * `manifest.json` points to the blobs of an OCI layout in the same archive, which may be compressed.
 */
import { named } from "../../errors.js";
import type { Json } from "../../bytes/json.js";
import { type Digest, digestOf } from "../../bytes/digest.js";
import { Turns } from "../../threads/turns.js";
import { ArchiveFiles } from "../archiveFiles.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { platformOf } from "../../manifests/platform.js";
import type { StoredFile } from "../../files/storedFile.js";
import type { StoredImage, StoredImages } from "../../image/storedImage.js";
import { type ArchiveMember, StoredLayer } from "../storedLayer.js";
import { openPlain } from "../unpack.js";
import { UnpackBudget } from "../unpackBudget.js";
import { canonicalHeader } from "./memberHeader.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

/** An open archive. Its layers can be read until it is closed. */
export class DockerArchive implements StoredImages {
  readonly images: readonly StoredImage[];
  readonly #file: StoredFile;

  private constructor(file: StoredFile, images: readonly StoredImage[]) {
    this.#file = file;
    this.images = images;
  }

  /**
   * @param path a file, plain or compressed with gzip, zstd, xz or bzip2
   * @throws {LaminixError} ERR_FILE_READ, ERR_ARCHIVE, ERR_UNSUPPORTED, ERR_JSON, ERR_PROGRAM, ERR_FILE_WRITE
   */
  static async open(path: string, { signal, maxUnpacked }: Options = {}): Promise<DockerArchive> {
    const budget = UnpackBudget.of(maxUnpacked);
    const file = await openPlain(path, { signal, budget });
    try {
      return DockerArchive.in(await ArchiveFiles.index(file, { signal }), { maxUnpacked: budget });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** @throws {LaminixError} ERR_ARCHIVE, ERR_JSON */
  static in(files: ArchiveFiles, { maxUnpacked }: Pick<Options, "maxUnpacked"> = {}): DockerArchive {
    const reader = new ManifestReader(files, UnpackBudget.of(maxUnpacked));
    return new DockerArchive(files.file, reader.images());
  }

  close(): void {
    this.#file.close();
    for (const { layers } of this.images) for (const layer of layers) layer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

type Configuration = Pick<StoredImage, "configDigest" | "configFile" | "configBytes">;

class ManifestReader {
  readonly #files: ArchiveFiles;
  readonly #json: ImageJson;
  readonly #budget: UnpackBudget;
  readonly #turns = new Turns(1);
  readonly #configurations = new Map<string, Configuration>();
  readonly #members = new Map<string, ArchiveMember>();

  constructor(files: ArchiveFiles, budget: UnpackBudget) {
    this.#files = files;
    this.#budget = budget;
    this.#json = new ImageJson(files.file.path, "a docker-archive");
  }

  images(): StoredImage[] {
    const manifest = this.#json.parse(this.#read("manifest.json"), "manifest.json");
    const entries = this.#json.list(manifest, "manifest.json");
    if (entries.length === 0) throw this.#json.damaged("its manifest.json lists no image");
    return entries.map((entry) => this.#image(entry));
  }

  #image(entry: Json): StoredImage {
    const json = this.#json;
    const image = json.object(entry, "manifest.json's entry");
    const configName = json.text(image.get("Config"), "Config");
    const configuration = this.#configuration(configName);
    const { configFile } = configuration;
    const names = json.texts(image.get("Layers"), "Layers");
    const diffIds = json.diffIds(configFile, names.length);
    json.requireFewLayers(names.length);
    return {
      references: json.texts(image.get("RepoTags"), "RepoTags").filter(Boolean),
      ...configuration,
      layers: diffIds.map((diffId, i) => this.#layer(names[i] ?? "", diffId)),
      platform: platformOf(configFile),
    };
  }

  /** Images may share it. */
  #configuration(name: string): Configuration {
    let configuration = this.#configurations.get(name);
    if (!configuration) {
      const configBytes = this.#read(name);
      const configFile = this.#json.object(this.#json.parse(configBytes, name), "configuration");
      configuration = { configDigest: digestOf(configBytes), configFile, configBytes };
      this.#configurations.set(name, configuration);
    }
    return configuration;
  }

  #layer(name: string, diffId: Digest): StoredLayer {
    const stored = this.#files.find(name);
    const found = this.#files.member(name);
    if (!stored || !found) throw this.#missing(name);
    const member = this.#members.get(name) ?? { name, header: canonicalHeader(found), size: found.size };
    this.#members.set(name, member);
    return new StoredLayer({
      kind: "base",
      sources: [name],
      diffId,
      stored,
      member,
      turns: this.#turns,
      budget: this.#budget,
    });
  }

  #read(name: string): Buffer {
    const region = this.#files.find(name);
    if (region) return this.#json.bytes(region, name);
    throw this.#missing(name);
  }

  #missing(name: string): Error {
    if (name === "")
      return this.#json.damaged(
        "its manifest.json has an empty name where a file is to be named",
        "write it again, with docker save or skopeo",
      );
    const hint =
      name === "manifest.json"
        ? "a docker-archive is what `docker save` and skopeo's docker-archive: write"
        : undefined;
    return this.#json.damaged(`it has no ${named(name)}`, hint);
  }
}
