/**
 * Reads a docker-archive: what `docker save`, `podman save`, skopeo and this library write. Since Docker 25 its
 * `manifest.json` points to the blobs of an OCI layout in the same archive, which may be compressed.
 */
import { type LaminixError, named } from "../../errors.js";
import type { Json } from "../../bytes/json.js";
import type { Digest } from "../../bytes/digest.js";
import { type ConfigFile, configFile, type NamedImage } from "../../image/image.js";
import type { ArchiveMember, Layer } from "../../image/layer.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { platformOf } from "../../manifests/platform.js";
import type { ArchiveFiles } from "../archiveFiles.js";
import { archivedLayer } from "../archivedLayer.js";
import type { Unpacking } from "../plainTar.js";
import { canonicalHeader } from "./memberHeader.js";

const MANIFEST = "manifest.json";

/** @throws {LaminixError} ERR_ARCHIVE, ERR_JSON */
export function readDockerArchive(files: ArchiveFiles, unpacking: Unpacking): NamedImage[] {
  return new ArchiveReader(files, unpacking).images();
}

class ArchiveReader {
  readonly #files: ArchiveFiles;
  readonly #json: ImageJson;
  readonly #unpacking: Unpacking;
  readonly #configurations = new Map<string, ConfigFile>();
  readonly #members = new Map<string, ArchiveMember>();

  constructor(files: ArchiveFiles, unpacking: Unpacking) {
    this.#files = files;
    this.#unpacking = unpacking;
    this.#json = new ImageJson(files.file.path, "a docker-archive");
  }

  images(): NamedImage[] {
    const manifest = this.#json.parse(this.#read(MANIFEST), MANIFEST);
    const entries = this.#json.list(manifest, MANIFEST);
    if (entries.length === 0) throw this.#json.damaged("its manifest.json lists no image");
    return entries.map((entry) => this.#image(entry));
  }

  #image(entry: Json): NamedImage {
    const json = this.#json;
    const image = json.object(entry, "manifest.json's entry");
    const config = this.#configuration(json.text(image.get("Config"), "Config"));
    const names = json.texts(image.get("Layers"), "Layers");
    const diffIds = json.diffIds(config.json, names.length);
    json.requireFewLayers(names.length);
    return {
      references: json.texts(image.get("RepoTags"), "RepoTags").filter(Boolean),
      image: {
        layers: diffIds.map((diffId, i) => this.#layer(names[i] ?? "", diffId)),
        platform: platformOf(config.json),
        annotations: new Map(),
        config: () => config,
      },
    };
  }

  /** Images may share it. */
  #configuration(name: string): ConfigFile {
    let configuration = this.#configurations.get(name);
    if (!configuration) {
      const bytes = this.#read(name);
      configuration = configFile(this.#json.object(this.#json.parse(bytes, name), "configuration"), bytes);
      this.#configurations.set(name, configuration);
    }
    return configuration;
  }

  #layer(name: string, diffId: Digest): Layer {
    const stored = this.#files.find(name);
    const found = this.#files.member(name);
    if (!stored || !found) throw this.#missing(name);
    const member = this.#members.get(name) ?? { name, header: canonicalHeader(found), size: found.size };
    this.#members.set(name, member);
    return archivedLayer({
      ...{ kind: "base", sources: [name], diffId, path: this.#files.file.path },
      ...{ stored: () => stored, member, unpacking: this.#unpacking },
    });
  }

  #read(name: string): Buffer {
    const region = this.#files.find(name);
    if (region) return this.#json.bytes(region, name);
    throw this.#missing(name);
  }

  #missing(name: string): LaminixError {
    if (name === "")
      return this.#json.damaged("its manifest.json has an empty name where a file is to be named", {
        hint: "write it again, with docker save or skopeo",
      });
    const hint =
      name === MANIFEST
        ? "a docker-archive is what `docker save` and skopeo's docker-archive: write"
        : undefined;
    return this.#json.damaged(`it has no ${named(name)}`, { hint });
  }
}
