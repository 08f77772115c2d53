/**
 * What images are made of, by media type. OCI image-spec 1.1, media-types.md; Docker's "Image Manifest Version 2,
 * Schema 2", which has no zstd.
 */
import { LaminixError } from "../errors.js";
import type { Encoding } from "../image/layer.js";

/** Whose manifests: readers take the types of one or the other, not both in one manifest. */
export const MANIFEST_FORMATS = ["oci", "docker"] as const;
export type ManifestFormat = (typeof MANIFEST_FORMATS)[number];

export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";

export const MEDIA_TYPES = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
  },
} as const;

const layers: Readonly<Record<ManifestFormat, Partial<Readonly<Record<Encoding, string>>>>> = {
  oci: {
    none: "application/vnd.oci.image.layer.v1.tar",
    gz: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  },
  docker: { none: DOCKER_LAYER, gz: `${DOCKER_LAYER}.gzip` },
};

/** @throws {LaminixError} ERR_UNSUPPORTED for zstd in Docker's format */
export function layerMediaType(encoding: Encoding, format: ManifestFormat = "oci"): string {
  const mediaType = layers[format][encoding];
  if (mediaType !== undefined) return mediaType;
  throw new LaminixError("ERR_UNSUPPORTED", `Docker's manifests have no layers compressed with ${encoding}`, {
    details: { encoding, format },
    hint: "use gz, or OCI's manifests",
  });
}

/** How a layer of that type is packed; `undefined` where its type does not tell. */
export function encodingOf(mediaType: string): Encoding | undefined {
  if (mediaType.endsWith(".tar")) return "none";
  if (/\.tar[+.]gzip$/.test(mediaType)) return "gz";
  return /\.tar[+.]zstd$/.test(mediaType) ? "zstd" : undefined;
}
