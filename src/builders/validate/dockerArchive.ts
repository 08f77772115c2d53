/** Docker-archives (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format"). */
import { type Digest, digestOf, isDigest } from "../../bytes/digest.js";
import { isArray, isObject, type Json, type JsonObject } from "../../bytes/json.js";
import { type Region, regionBytes } from "../../files/storedFile.js";
import { textIn, textsIn } from "../../image/fields.js";
import { platformOf } from "../../manifests/platform.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { isTagged } from "../../manifests/reference.js";
import type { ArchiveFiles } from "../../transports/archiveFiles.js";
import { jsonIn, regionOf } from "./files.js";
import type { ManifestCheckOptions } from "./manifests.js";
import { checkConfig, isWanted } from "./imageConfig.js";
import { checkLayer, type PlainLayer } from "./layers.js";
import { isReference } from "../../manifests/reference.js";

const MANIFEST = "manifest.json";
const REPOSITORIES = "repositories";

export class DockerArchiveCheck {
  images = 0;
  readonly #files: ArchiveFiles;
  readonly #json: ImageJson;
  readonly #options: ManifestCheckOptions;
  /** By where they lie, since several names may lead there. */
  readonly #read = new Set<number>();
  readonly #tags = new Set<string>();

  constructor(files: ArchiveFiles, options: ManifestCheckOptions) {
    this.#files = files;
    this.#json = new ImageJson(files.file.path, "a docker-archive");
    this.#options = options;
  }

  /** Configurations and layers that were read. */
  get blobs(): number {
    return this.#read.size;
  }

  async check(): Promise<this> {
    const { findings } = this.#options;
    const entries = this.#document(MANIFEST, MANIFEST);
    if (entries !== undefined && (!isArray(entries) || entries.length === 0))
      findings.report("JSON_INVALID", MANIFEST, "it is not a list of images");
    for (const entry of isArray(entries) ? entries : []) await this.#image(entry);
    if (this.#files.has(REPOSITORIES)) this.#checkRepositories();
    return this;
  }

  async #image(entry: Json): Promise<void> {
    const { findings, platform, progress } = this.#options;
    if (!isObject(entry)) {
      findings.report("JSON_INVALID", MANIFEST, "an entry is not an object");
      return;
    }
    for (const tag of textsIn(entry, "RepoTags").filter(Boolean)) this.#checkTag(tag);
    const names = textsIn(entry, "Layers");
    const configName = textIn(entry, "Config") ?? "";
    const config = this.#config(configName);
    if (!isWanted(config && platformOf(config), platform)) return;
    this.images++;
    this.#json.requireFewLayers(names.length);
    const facts = { path: configName, layers: names.length };
    const diffIds = config ? checkConfig(config, facts, findings) : [];
    for (const [index, name] of names.entries()) {
      const plain = await this.#layer(name);
      if (!plain) continue;
      const { diffId } = plain;
      progress.layer({ kind: "image", sources: [name] }, plain, index, names.length);
      const expected = diffIds[index];
      if (expected !== undefined && expected !== diffId)
        findings.report("DIFF_ID", name, `its diffID is ${diffId}, not ${expected} as in the configuration`);
    }
  }

  /** Its name is its digest, in archives of all programs. */
  #config(name: string): JsonObject | undefined {
    const { findings } = this.#options;
    const document = this.#document(name, MANIFEST);
    const region = regionOf(this.#files, name);
    if (document === undefined || !region) return undefined;
    this.#read.add(region.offset);
    const digest = digestIn(name);
    const actual = digestOf(regionBytes(region));
    if (digest !== undefined && digest !== actual)
      findings.report("BLOB_DIGEST", name, `its digest is ${actual}`);
    if (isObject(document)) return document;
    findings.report("CONFIG_INVALID", name, "the configuration is not an object");
    return undefined;
  }

  async #layer(name: string): Promise<PlainLayer | undefined> {
    const region = this.#find(name, MANIFEST);
    if (!region) return undefined;
    this.#read.add(region.offset);
    return checkLayer(region, { path: name }, this.#options);
  }

  #checkTag(tag: string): void {
    const { findings } = this.#options;
    if (!isTagged(tag) || !isReference(tag))
      findings.report("REFERENCE_INVALID", MANIFEST, `${JSON.stringify(tag)} is not a name with a tag`);
    if (this.#tags.has(tag)) findings.report("REFERENCE_DUPLICATE", MANIFEST, `two images are called ${tag}`);
    this.#tags.add(tag);
  }

  /** What Docker wrote before there was `manifest.json`: repositories, their tags, and the layer on top of each. */
  #checkRepositories(): void {
    const { findings } = this.#options;
    const repositories = this.#document(REPOSITORIES, REPOSITORIES);
    if (repositories === undefined) return;
    const isMap = isObject(repositories) && [...repositories.values()].every(isObject);
    if (!isMap) {
      findings.report("JSON_INVALID", REPOSITORIES, "it is not a map of repositories and their tags");
      return;
    }
    for (const [repository, tags] of repositories)
      for (const tag of isObject(tags) ? tags.keys() : [])
        if (!isReference(`${repository}:${tag}`))
          findings.report("REFERENCE_INVALID", REPOSITORIES, `${repository}:${tag} is not a name with a tag`);
  }

  #document(name: string, from: string): Json | undefined {
    const region = this.#find(name, from);
    return region && jsonIn(region, name, this.#json, this.#options.findings);
  }

  #find(name: string, from: string): Region | undefined {
    const region = regionOf(this.#files, name);
    if (!region)
      this.#options.findings.report("MEMBER_MISSING", from, `there is no file ${JSON.stringify(name)}`);
    return region;
  }
}

/** The digest that a member is named by. */
function digestIn(name: string): Digest | undefined {
  const [, hex = ""] = /^(?:blobs\/sha256\/|sha256:)?([0-9a-f]{64})(?:\.json)?$/.exec(name) ?? [];
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
