/** An image as a value: what is in it, not what it is called or where it goes. */
import { type Json, type JsonObject, formatJson } from "../bytes/json.js";
import type { Annotations, Layer } from "./layer.js";
import type { Digest } from "../bytes/digest.js";
import { reprList } from "./python.js";

export interface Image {
  /** What a container of it runs, by Docker's names: Cmd, Env, and so on. */
  readonly config: JsonObject;
  /** As JSON, since a configuration that nixpkgs wrote is passed on as it is. */
  readonly architecture: Json;
  readonly variant?: string | undefined;
  /** ISO 8601. */
  readonly created: string;
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** What is known of the lowest layers. */
  readonly inherited?: Inherited | undefined;
  /** What a manifest says of it; the configuration, and with it a docker-archive, says nothing of them. */
  readonly annotations?: Annotations | undefined;
}

/** The history of a base image. */
export interface Inherited {
  /** Entries, those that tell of no layer among them. */
  readonly history: readonly Json[];
  /** How many layers they are about. */
  readonly layers: number;
}

/**
 * The image's configuration file: key for key and byte for byte what nixpkgs' image builder writes.
 * Format: Docker image specification 1.3, "Image JSON Description".
 */
export function configFile(image: Image, diffIds: readonly Digest[]): string {
  const { inherited = { history: [], layers: 0 } } = image;
  const history = image.layers
    .slice(inherited.layers)
    .map((layer) => object({ created: image.created, comment: `store paths: ${reprList(layer.sources)}` }));
  return formatJson(
    object({
      created: image.created,
      architecture: image.architecture,
      ...(image.variant !== undefined && { variant: image.variant }),
      os: "linux",
      config: image.config,
      rootfs: object({ diff_ids: diffIds, type: "layers" }),
      history: [...inherited.history, ...history],
    }),
    4,
  );
}

function object(entries: Readonly<Record<string, Json>>): JsonObject {
  return new Map(Object.entries(entries));
}
