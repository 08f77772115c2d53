/** What an engine makes of an image that is loaded into it, which no engine tells by itself. */
import { listIn } from "../../image/fields.js";
import { isArray } from "../../bytes/json.js";
import { familiarReference, namesRegistry } from "../../manifests/reference.js";
import type { EngineClient } from "./client.js";

export interface LoadStrategy {
  /** What people call it. */
  readonly name: string;
  /** What is best sent to it. */
  readonly archive: "docker-archive" | "oci-archive";
  /** What the digest is of that is the image's ID. */
  readonly id: "configuration" | "manifest";
  /**
   * Which layers may be left out of the archive: those at the bottom that it has in the same order, any that it has, or
   * none.
   */
  readonly reuses: "chain" | "any" | "none";
  /** A name as the engine lists it. */
  readonly listed: (reference: string) => string;
}

/** What Docker says of its storage driver where images are containerd's. */
const SNAPSHOTTER = "io.containerd.snapshotter.v1";

const strategies = {
  /** It looks for a layer by its chain ID before it opens the layer's file. */
  docker: {
    name: "Docker",
    archive: "docker-archive",
    id: "configuration",
    reuses: "chain",
    listed: familiarReference,
  },
  /**
   * Docker with containerd's image store. It takes an image whose layers are missing if it has them unpacked, and then
   * can neither push nor save it.
   */
  containerd: {
    name: "Docker with containerd's image store",
    archive: "oci-archive",
    id: "manifest",
    reuses: "none",
    listed: familiarReference,
  },
  /** It looks for a layer by the digest in the manifest, which is the diffID of a layer that is not compressed. */
  podman: {
    name: "podman",
    archive: "oci-archive",
    id: "configuration",
    reuses: "any",
    listed: (reference) => (namesRegistry(reference) ? reference : `localhost/${reference}`),
  },
} as const satisfies Readonly<Record<string, LoadStrategy>>;

/** @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE */
export async function loadStrategy(
  client: EngineClient,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<LoadStrategy> {
  const answer = await client.request({ method: "GET", path: "info", expect: [200], signal });
  const info = await client.json(answer);
  if (answer.headers["libpod-api-version"] !== undefined) return strategies.podman;
  const isContainerd = listIn(info, "DriverStatus").some(
    (pair) => isArray(pair) && pair[0] === "driver-type" && pair[1] === SNAPSHOTTER,
  );
  return isContainerd ? strategies.containerd : strategies.docker;
}
