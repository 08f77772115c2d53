/** Images in container engines. */
import {
  checkGiven,
  keysOf,
  requireFunction,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
} from "../../arguments.js";
import { type Engine, ENGINES } from "../../transports/engine/engines.js";
import { engineHost } from "../../transports/engine/host.js";
import type { SentImage } from "../../transports/engine/sendImage.js";
import type { NamedImage } from "../../image/image.js";
import { needsSnapshotter } from "../../image/snapshotter.js";
import { isTagged } from "../../manifests/reference.js";
import { requireUnpackable, type UnpackBudget } from "../../transports/unpackBudget.js";
import type { BuiltImage } from "../build/builtImage.js";
import { platformChecks, platformChoice, type PlatformParts } from "../platformOptions.js";
import { checkRoots, openAll, requireImage } from "../openAll.js";
import { type OnProgress, Progress } from "../../progress.js";

export interface LoadOptions extends PlatformParts {
  /** Decides where to look for the engine; default: Docker. */
  readonly engine?: Engine | undefined;
  /** `unix:///path/to/socket`, `tcp://host:port` or `https://host`; where the environment says unless given. */
  readonly host?: string | undefined;
  /** `DOCKER_HOST`, `CONTAINER_HOST` and so on, and where credentials for registries are; this process's unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

const KEYS = keysOf<LoadOptions>({
  ...{ os: true, architecture: true, variant: true, engine: true, host: true, environment: true },
  ...{ signal: true, onProgress: true, maxUnpacked: true },
});

/** What was loaded into an engine. */
export interface LoadedImages {
  /** `name:tag`s, as the engine lists them. */
  readonly references: readonly string[];
  /** As the engine calls them: of each image the digest of its configuration, or of its manifest. */
  readonly imageIds: readonly string[];
  /** Bytes of the archives that were sent; 0 where it had the images already. */
  readonly sent: number;
  /** How many layers the images have, and how many of them were sent. */
  readonly layers: number;
  readonly layersSent: number;
}

/**
 * Loads an image into Docker or podman, over the socket that the engine listens on. An engine that has it is sent
 * nothing; otherwise the layers that it has are left out where it can do without them, and a `note` tells where it cannot.
 * @param image one that was built, or what `openImages` opens, of which all images are loaded: a docker-archive, an OCI
 *   layout, `docker://…`, of which only layers are fetched that the engine lacks
 * @throws {LaminixError} ERR_ENGINE_HOST, ERR_ENGINE_UNREACHABLE, ERR_ENGINE where the engine refuses, and what reading
 *   the image throws
 */
export async function loadImage(
  image: string | BuiltImage,
  options: LoadOptions = {},
): Promise<LoadedImages> {
  checkArguments(image, options);
  const { signal, engine, host, environment = process.env, maxUnpacked } = options;
  const progress = new Progress(options.onProgress);
  // Loaded for those who need it: most of a short program's time is loading.
  const { EngineClient } = await import("../../transports/engine/client.js");
  await using client = new EngineClient(engineHost({ engine, host, environment }), { environment });
  const { Registries } = await import("../../transports/registry/registries.js");
  await using registries = new Registries({ environment });
  // Layers go into an engine plain, so that no manifest can be kept.
  using opened = await openAll([image], {
    ...{ signal, registries, maxUnpacked, kept: [] },
    ...platformChoice(options),
  });
  const { loadStrategy } = await import("../../transports/engine/loadStrategy.js");
  const { sendImage } = await import("../../transports/engine/sendImage.js");
  const strategy = await loadStrategy(client, { signal });
  if (strategy.id !== "manifest" && opened.images.some((each) => needsSnapshotter(each.image)))
    progress.warn(
      `${strategy.name} does not mount store paths for an image, as containerd's nix-snapshotter does: its containers will lack them`,
    );
  const all: SentImage[] = [];
  // One after the other: what one has brought need not be sent for the next.
  for (const each of opened.images) {
    const sent = await sendImage(client, strategy, withTags(each, progress), {
      signal,
      beforeEnd: () => checkRoots([image], signal),
      onNote: progress.note,
      onLayer: progress.layer,
    });
    all.push(sent);
  }
  const sum = (number: (image: SentImage) => number): number =>
    all.reduce((total, each) => total + number(each), 0);
  return {
    references: all.flatMap(({ references }) => references),
    imageIds: all.map(({ id }) => id),
    sent: sum(({ sent }) => sent),
    layers: sum(({ layers }) => layers),
    layersSent: sum(({ layersSent }) => layersSent),
  };
}

/** A layout's names may be others than engines take. */
function withTags(named: NamedImage, { warn }: Progress): NamedImage {
  const references = named.references.filter((reference) => {
    if (isTagged(reference)) return true;
    warn(`${reference} is no name with a tag; the image goes without it`);
    return false;
  });
  return { ...named, references };
}

function checkArguments(image: string | BuiltImage, options: LoadOptions): void {
  requireImage(image, "image");
  requireKnown(options, KEYS);
  checkGiven(options, "options", {
    engine: (value, argument) => {
      requireOneOf(value, ENGINES, argument);
    },
    host: requireString,
    environment: (value, argument) => {
      requireOptions(value, argument);
    },
    ...platformChecks,
    onProgress: requireFunction,
    maxUnpacked: requireUnpackable,
  });
}
