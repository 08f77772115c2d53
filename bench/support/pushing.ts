/** The programs that push an image, with caches that are theirs alone. */
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import type { ImageRegistry } from "../../test/support/imageRegistry.js";
import { mustRun, projectRoot } from "../../test/support/run.js";
import type { LargeImage } from "./largeImage.js";
import { type Cost, measure } from "./measure.js";

const laminix = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js")] as const;

/** The repository and the tag that all push to. */
const NAME = "bench:1";
/** Milliseconds in which an image is written. */
const LONG = 1_200_000;

export interface SkopeoOptions {
  /** The docker-archive unless given. */
  readonly source?: string;
  /** Of gzip; its default unless given. */
  readonly level?: number;
  /** Whether it knows what it has pushed before. */
  readonly cached?: boolean;
}

export interface LaminixOptions {
  /** Of gzip. */
  readonly level?: number;
  /** Whether it knows what it has pushed before. */
  readonly cached?: boolean;
  /** A spec's file; the bare store paths unless given. */
  readonly spec?: string;
}

export class Pushing {
  /** The image as a docker-archive, whose layers are not compressed. */
  readonly archive: string;
  /** The image as an OCI layout, with layers that are. */
  readonly layout: string;
  readonly #image: LargeImage;

  private constructor(image: LargeImage) {
    this.#image = image;
    this.archive = path.join(image.folder, "image.tar");
    this.layout = path.join(image.folder, "layout");
  }

  /** Writes the image for those who cannot take store paths. */
  static async of(image: LargeImage): Promise<Pushing> {
    const pushing = new Pushing(image);
    const [node, bin] = laminix;
    const build = [bin, "build", ...image.roots, "--store", image.store, "--quiet", "--output"];
    const env = { ...process.env, LAMINIX_CACHE_DIR: path.join(image.folder, "cache") };
    await mustRun(node, [...build, pushing.archive], { env, timeout: LONG });
    await mustRun(node, [...build, pushing.layout, "--format", "oci-dir"], { env, timeout: LONG });
    return pushing;
  }

  /** With an empty cache unless the one of the push before is kept. */
  async laminix({ host }: Pick<ImageRegistry, "host">, options: LaminixOptions = {}): Promise<Cost> {
    const { level, cached = false, spec } = options;
    const { folder, roots, store } = this.#image;
    const cache = path.join(folder, "cache");
    if (!cached) await rm(cache, { recursive: true, force: true });
    const how = [
      ...(level === undefined ? [] : ["--layer-compression-level", String(level)]),
      ...["--store", store, "--quiet"],
    ];
    const image = spec === undefined ? roots : [spec];
    return measure([...laminix, "push", ...image, `${host}/${NAME}`, ...how], {
      env: { LAMINIX_CACHE_DIR: cache },
    });
  }

  /** Asks for the closure that a push begins with. */
  closure(): Promise<Cost> {
    const { roots, store } = this.#image;
    return measure([...laminix, "closure", ...roots, "--store", store]);
  }

  async skopeo(
    { host }: Pick<ImageRegistry, "host">,
    { source = `docker-archive:${this.archive}`, level, cached = false }: SkopeoOptions = {},
  ): Promise<Cost> {
    const data = path.join(this.#image.folder, "skopeo");
    if (!cached) await rm(data, { recursive: true, force: true });
    await mkdir(data, { recursive: true });
    const how =
      level === undefined ? [] : ["--dest-compress-format", "gzip", "--dest-compress-level", String(level)];
    const quiet = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"];
    // Its cache lies where a user's data do, but for root, whose cannot be moved.
    const env = { _CONTAINERS_ROOTLESS_UID: "1000", XDG_DATA_HOME: data };
    return measure(["skopeo", ...quiet, ...how, source, `docker://${host}/${NAME}`], { env });
  }

  /** Bytes of the layers that were pushed. */
  async layerSize({ host }: ImageRegistry): Promise<number> {
    const [repository, tag] = NAME.split(":") as [string, string];
    const types = ["application/vnd.oci.image", "application/vnd.docker.distribution"];
    const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
      headers: {
        accept: types.map((type) => `${type}.manifest.v1+json, ${type}.manifest.v2+json`).join(", "),
      },
    });
    const { layers } = (await answer.json()) as { readonly layers: readonly { readonly size: number }[] };
    return layers.reduce((sum, { size }) => sum + size, 0);
  }
}
