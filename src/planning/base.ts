/**
 * The image that another is built upon. Of one in a registry only the manifest and the configuration are fetched: what it
 * has is known from its history, and what goes on top of it goes there unseen.
 */
import { LaminixError } from "../errors.js";
import { storePathsInHistory } from "../image/history.js";
import { textIn } from "../image/fields.js";
import { FetchProgress } from "../image/fetchProgress.js";
import { knownDiffId } from "../image/layer.js";
import { isObject, type JsonObject } from "../bytes/json.js";
import type { Digest } from "../bytes/digest.js";
import { pathsMountedBy } from "../image/snapshotter.js";
import { baseName, storePathsIn } from "../store/storePath.js";
import { normalPlatform, platformName, UNKNOWN } from "../image/platform.js";
import { hostArchitecture, platformOf } from "../manifests/platform.js";
import { DOCKER, isTagged, wholeReference } from "../manifests/reference.js";
import { type ConfigFile, type Image, knownConfig, type NamedImage } from "../image/image.js";
import type { OpenedImages } from "../transports/openedImages.js";
import { imageRoot } from "../root/imageRoot.js";
import { folderAt } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";
import type { Progress } from "../progress.js";
import type { Below } from "../root/rootLayer.js";
import type { PreparedSpec, ResolvedSpec } from "../spec/spec.js";
import type { OpeningOptions } from "./buildOptions.js";

export class Base implements Below, Disposable {
  readonly image: Image;
  /** Whether it is in a registry, its layers not looked into. */
  readonly isShallow: boolean;
  readonly #references: readonly string[];
  readonly #resources: Disposable[];
  #root: Promise<FolderNode> | undefined;

  private constructor(opened: OpenedImages, { image, references }: NamedImage, isShallow: boolean) {
    this.#resources = [opened];
    this.image = image;
    this.#references = references;
    this.isShallow = isShallow;
  }

  /**
   * The spec's base, where it has one. The reader is loaded for those who need it: most images have none.
   * @throws {LaminixError} as `openImages`; ERR_UNSUPPORTED when the base is for another system than Linux; ERR_REFERENCE
   *   for an image of a registry that is not told by its digest
   */
  static async of(
    {
      fromImage,
      architecture = hostArchitecture(),
      variant,
    }: Pick<ResolvedSpec, "fromImage" | "architecture" | "variant">,
    { signal, registries, progress, maxUnpacked }: OpeningOptions,
  ): Promise<Base | undefined> {
    if (fromImage === null) return undefined;
    const { openImages } = await import("../transports/open.js");
    const fetching = new FetchProgress(progress);
    const { onFetch } = fetching;
    const platform = { os: "linux", architecture, variant };
    const images = await openImages(fromImage, { signal, platform, registries, onFetch, maxUnpacked });
    const [named] = images.images as readonly [NamedImage];
    const isShallow = fromImage.startsWith(DOCKER);
    try {
      if (isShallow) requirePinned(fromImage, images.digest);
      requireLinux(named.image);
    } catch (error) {
      images.close();
      throw error;
    }
    fetching.expect(named.image.layers);
    return new Base(images, named, isShallow);
  }

  /** The diffIDs of its layers. */
  get diffIds(): readonly string[] {
    return this.image.layers.flatMap((layer) => knownDiffId(layer) ?? []);
  }

  get configFile(): ConfigFile {
    return knownConfig(this.image);
  }

  /** What a manifest tells of it; `undefined` where it has none of its own, as in a docker-archive. */
  get manifest(): { readonly digest: Digest; readonly name: string | undefined } | undefined {
    const { manifest } = this.image;
    const name = this.#references.find(isTagged);
    return manifest && { digest: manifest.digest, name: name && wholeReference(name) };
  }

  get config(): JsonObject | undefined {
    const config = this.configFile.json.get("config");
    return isObject(config) ? config : undefined;
  }

  /**
   * What its layers add up to. The names are read, not the files.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_UNSUPPORTED
   */
  root(signal: AbortSignal | undefined): Promise<FolderNode> {
    this.#root ??= imageRoot(this.image, {
      signal,
      trusted: true, // its bytes are checked when they are passed on
      nameOf: ({ sources }) => sources.join(" "),
      adopt: (resource) => this.#resources.push(resource),
    });
    return this.#root;
  }

  /** Names in the store's directory: what the image has there already. */
  async storeNames(storeDir: string, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    if (this.isShallow) {
      const { layers } = this.image;
      const mounted = storePathsIn(pathsMountedBy(layers).join("\n"), storeDir);
      const paths = storePathsInHistory(this.configFile.json, layers, storeDir);
      return new Set([...paths, ...mounted].map(baseName));
    }
    const folder = folderAt(await this.root(signal), storeDir)?.folder;
    return new Set(folder?.children.keys());
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    for (const resource of this.#resources) resource[Symbol.dispose]();
  }
}

/** The spec with the platform of its base, or of this machine, where it does not say otherwise. */
export function withPlatform(spec: ResolvedSpec, base: Base | undefined): PreparedSpec {
  const { architecture, variant } = spec;
  const ofBase = base && textIn(base.configFile.json, "architecture");
  if (!base || ofBase === undefined || (architecture !== undefined && architecture !== ofBase))
    return { ...spec, architecture: architecture ?? hostArchitecture() };
  return {
    ...spec,
    architecture: ofBase,
    variant: variant ?? textIn(base.configFile.json, "variant"),
  };
}

/** Programs of the base do not run on another architecture, so a name that was mistyped should not pass unseen. */
export function warnOfOtherPlatform(
  { image: { platform } }: Base,
  { architecture }: PreparedSpec,
  { warn }: Progress,
): void {
  const own = normalPlatform({ os: "linux", architecture }).architecture;
  if (platform.architecture === UNKNOWN || own === normalPlatform(platform).architecture) return;
  warn(
    `the base image is for ${platformName(platform)}, and the image on top of it is for linux/${architecture}`,
  );
}

/** A tag may lead to another image tomorrow, and the same input makes the same image. */
function requirePinned(fromImage: string, digest: Digest | undefined): void {
  if (fromImage.includes("@")) return;
  throw new LaminixError("ERR_REFERENCE", `${fromImage} must be pinned by a digest`, {
    details: { reference: fromImage, digest },
    ...(digest !== undefined && { hint: `pin it by its digest: ${fromImage}@${digest}` }),
  });
}

function requireLinux(image: Image): void {
  const { os } = platformOf(knownConfig(image).json);
  if (os === "linux") return;
  throw new LaminixError("ERR_UNSUPPORTED", `the base image is for ${os}; images here are for linux`);
}
