/** Images in container engines. */
import { checkGiven, requireFunction, requireOneOf, requireOptions, requireString } from "../arguments.js";
import { ArgumentError, LaminixError } from "../errors.js";
import { EngineClient } from "../transports/engine/client.js";
import { type Engine, engineHost, ENGINES } from "../transports/engine/host.js";
import { sendImage, type SentImage } from "../transports/engine/sendImage.js";
import { engineWay } from "../transports/engine/ways.js";
import { layoutImage, type LayoutImage, storedLayoutImage } from "../transports/ociLayout/contents.js";
import { openImages } from "../transports/open.js";
import { isTagged } from "../transports/reference.js";
import type { StoredImage } from "../transports/storedImage.js";
import { BuiltImage } from "./builtImage.js";
import type { OnProgress } from "./progress.js";

export interface LoadOptions {
  /** Docker unless given. It decides where the engine is looked for. */
  readonly engine?: Engine | undefined;
  /** `unix:///path/to/socket`, `tcp://host:port` or `https://host`; where the environment says unless given. */
  readonly host?: string | undefined;
  /** `DOCKER_HOST`, `CONTAINER_HOST` and so on; this process's unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What an engine has now. */
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
 * @param image an image that was built here; or a docker-archive or an OCI layout on this disk, compressed or not, of
 *   which all images are loaded
 * @throws {LaminixError} ERR_ENGINE_HOST, ERR_ENGINE_UNREACHABLE, ERR_ENGINE where the engine refuses, and what reading
 *   the image throws
 */
export async function loadImage(
  image: string | BuiltImage,
  options: LoadOptions = {},
): Promise<LoadedImages> {
  checkArguments(image, options);
  const { signal, engine, host, environment = process.env } = options;
  await using client = new EngineClient(engineHost({ engine, host, environment }));
  if (typeof image !== "string") {
    const check = (): Promise<void> => image.checkRoots(signal);
    return await loaded(client, [layoutImage(image.image, [image.reference])], options, check);
  }
  refuseRegistry(image);
  using stored = await openImages(image, { signal });
  const images = stored.images.map((each) => withoutManifest(each, options));
  return await loaded(client, images, options);
}

async function loaded(
  client: EngineClient,
  images: readonly LayoutImage[],
  { signal, onProgress }: LoadOptions,
  beforeEnd?: () => Promise<void>,
): Promise<LoadedImages> {
  const way = await engineWay(client, { signal });
  const all: SentImage[] = [];
  // One after the other: what one has brought need not be sent for the next.
  for (const image of images) {
    const sent = await sendImage(client, way, image, {
      signal,
      beforeEnd,
      onNote: (message) => onProgress?.({ type: "note", message }),
      onLayer: ({ kind, sources }, digest, index, count) => {
        onProgress?.({ type: "layer", index, count, kind, sources, ...digest });
      },
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

/** Layers go into an engine plain, so that the manifest of a layout is not theirs. */
function withoutManifest(image: StoredImage, { onProgress }: LoadOptions): LayoutImage {
  const references = image.references.filter((reference) => {
    if (isTagged(reference)) return true;
    const message = `${reference} is no name with a tag; the image goes without it`;
    onProgress?.({ type: "warning", message });
    return false;
  });
  return { ...storedLayoutImage(image, references), manifest: undefined };
}

function refuseRegistry(image: string): void {
  const [, name] = /^docker:\/\/(.*)$/.exec(image) ?? [];
  if (name === undefined) return;
  throw new LaminixError("ERR_UNSUPPORTED", `${image} is in a registry`, {
    hint: `the engine fetches it by itself, as with docker pull ${name}`,
  });
}

function checkArguments(image: string | BuiltImage, options: LoadOptions): void {
  if (typeof image !== "string" && !(image instanceof BuiltImage))
    throw new ArgumentError("image", "a path or a BuiltImage", image);
  requireOptions(options);
  checkGiven(options, "options", {
    engine: (value, argument) => {
      requireOneOf(value, ENGINES, argument);
    },
    host: requireString,
    environment: (value, argument) => {
      requireOptions(value, argument);
    },
    onProgress: requireFunction,
  });
}
