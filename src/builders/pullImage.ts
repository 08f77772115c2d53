/** dockerTools' `pullImage`, and nixpkgs' `nix-prefetch-docker`: an image of a registry in a file whose hash is known. */
import { createHash } from "node:crypto";
import { abortScope } from "../abort.js";
import {
  checkGiven,
  keysOf,
  requireBoolean,
  requireFunction,
  requireKnown,
  requireOneOf,
  requireString,
} from "../arguments.js";
import { LaminixError } from "../errors.js";
import type { Output } from "../files/outputTarget.js";
import type { Digest } from "../bytes/digest.js";
import { STORE_TIME } from "../image/time.js";
import { platformChecks, platformChoice, type PlatformParts } from "./platformOptions.js";
import { isTagged, nameWithoutTag, parseReference } from "../manifests/reference.js";
import type { NamedImage } from "../image/image.js";
import type { Layer, LayerDigest } from "../image/layer.js";
import { FetchProgress } from "../image/fetchProgress.js";
import { requireUnpackable, type UnpackBudget } from "../transports/unpackBudget.js";
import { warnOfLostMounts } from "./lostMounts.js";
import { type OnProgress, Progress } from "../progress.js";

export const PULLED_ARCHIVES = ["laminix", "skopeo"] as const;
export type PulledArchive = (typeof PULLED_ARCHIVES)[number];

export interface PullOptions extends PlatformParts {
  /**
   * The file to write. A regular file is replaced when the new one is whole, and keeps its mode; a symbolic link is followed;
   * a named pipe or a character device is written through.
   */
  readonly output: string;
  /** What the archive calls the image; as in the reference unless given. */
  readonly finalImageName?: string | undefined;
  /** The reference's tag, or `latest`, unless given. */
  readonly finalImageTag?: string | undefined;
  /**
   * Whose archive to write: laminix's own, or, byte for byte, the one that skopeo writes, whose hash is the one that
   * nixpkgs' `pullImage` wants; default: `laminix`.
   */
  readonly archive?: PulledArchive | undefined;
  /** Whether to verify the registry's certificate; default: `true`. Applies to that registry only. */
  readonly tlsVerify?: boolean | undefined;
  /** Whether to use http; default: `false`. */
  readonly plainHttp?: boolean | undefined;
  /** The environment that names proxies and credentials; default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The most bytes of images in temporary files, in all; default: 64 GiB. */
  readonly maxUnpacked?: number | UnpackBudget | undefined;
}

const KEYS = keysOf<PullOptions>({
  ...{ os: true, architecture: true, variant: true, output: true, finalImageName: true },
  ...{ finalImageTag: true, tlsVerify: true, plainHttp: true, environment: true, signal: true },
  ...{ onProgress: true, maxUnpacked: true, archive: true },
});

/** An image that has been pulled. */
export interface PulledImage {
  /** The file, as it was asked for. */
  readonly path: string;
  /** The file's size in bytes. */
  readonly size: number;
  /** The reference without tag and digest, as it was given. */
  readonly imageName: string;
  /** Of the image's manifest: with it the same image is pulled anywhere. */
  readonly imageDigest: Digest;
  /** Of the index that the manifest was chosen from, where the reference led to one. */
  readonly indexDigest?: Digest;
  /** Whose archive the file is. */
  readonly archive: PulledArchive;
  /** The file's SHA-256, SRI. */
  readonly hash: string;
  readonly finalImageName: string;
  readonly finalImageTag: string;
  readonly os: string;
  readonly arch: string;
  readonly variant?: string;
}

/**
 * Fetches an image and writes it as an uncompressed docker-archive, laminix's own or skopeo's: the same bytes for the same
 * manifest and final name, on any machine. Its configuration stays as it is, and with it its ID. Every byte is checked
 * against its digest; the file is there whole or not at all.
 * @param reference `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`, as for `docker pull`; by its digest where it has one
 * @throws {LaminixError} ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE, ERR_DIGEST,
 *   ERR_ARCHIVE when the image is damaged or for other platforms, ERR_UNSUPPORTED, ERR_FILE_WRITE, ERR_PROGRAM
 */
export async function pullImage(reference: string, options: PullOptions): Promise<PulledImage> {
  requireString(reference, "reference");
  checkOptions(options);
  const { openOutput } = await import("../files/output.js");
  await using output = await openOutput(options.output, { signal: options.signal, content: "archive" });
  return await pullTo(output, reference, options);
}

/** The same, to a place that has been checked. */
export async function pullTo(
  output: Output,
  reference: string,
  options: Omit<PullOptions, "output">,
): Promise<PulledImage> {
  const progress = new Progress(options.onProgress);
  const { tlsVerify, plainHttp, environment, maxUnpacked } = options;
  const wanted = parseReference(reference);
  const imageName = nameWithoutTag(reference);
  const { finalImageName = imageName, finalImageTag = wanted.tag ?? "latest", archive = "laminix" } = options;
  const finalReference = `${finalImageName}:${finalImageTag}`;
  if (!isTagged(finalReference)) {
    throw new LaminixError("ERR_REFERENCE", `${finalReference} is not a name and a tag`, {
      details: { reference: finalReference },
    });
  }
  // Loaded for those who need them: most of a short program's time is loading.
  const { writeDockerArchives } = await import("../transports/dockerArchive/write.js");
  const { writeSkopeoArchive } = await import("../transports/dockerArchive/skopeoArchive.js");
  const { writeArchive } = await import("../transports/file.js");
  const { RegistryClient } = await import("../transports/registry/client.js");
  const { readRemoteImages } = await import("../transports/registry/image.js");
  await using client = new RegistryClient(wanted.registry, { tlsVerify, plainHttp, environment });
  // Layers that are still being fetched when something fails are to stop.
  using scope = abortScope(options.signal);
  const { signal } = scope;
  const fetching = new FetchProgress(progress);
  const images = await readRemoteImages(client, wanted, {
    ...{ signal, ...platformChoice(options), maxUnpacked },
    onFetch: fetching.onFetch,
  });
  const { digest, isIndex } = images;
  using _ = images.unpacking;
  const [{ image }] = images.images as readonly [NamedImage];
  fetching.expect(image.layers);
  warnOfLostMounts([{ image }], progress);
  try {
    const hash = createHash("sha256");
    const writeOptions = {
      signal,
      mtime: STORE_TIME,
      onLayer: ({ sources }: Layer, ...rest: [LayerDigest, number, number]) => {
        progress.layer({ kind: "image", sources }, ...rest);
      },
    };
    const written =
      archive === "skopeo"
        ? writeSkopeoArchive(image, finalReference, writeOptions)
        : writeDockerArchives([{ image, references: [finalReference] }], writeOptions);
    const pieces = hashed(written, hash);
    const size = await writeArchive(output, pieces, { compression: "none", signal });
    const { os, architecture: arch, variant } = image.platform;
    return {
      path: output.path,
      size,
      imageName,
      imageDigest: image.manifest?.digest ?? digest,
      ...(isIndex && { indexDigest: digest }),
      archive,
      hash: `sha256-${hash.digest("base64")}`,
      finalImageName,
      finalImageTag,
      os,
      arch,
      ...(variant !== undefined && { variant }),
    };
  } finally {
    scope.abort(undefined);
  }
}

async function* hashed(
  pieces: AsyncIterable<Uint8Array>,
  hash: { update(piece: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

function checkOptions(options: PullOptions): void {
  requireKnown(options, KEYS);
  requireString(options.output, "options.output");
  checkGiven(options, "options", {
    ...platformChecks,
    finalImageName: requireString,
    finalImageTag: requireString,
    archive: (value, argument) => {
      requireOneOf(value, PULLED_ARCHIVES, argument);
    },
    tlsVerify: requireBoolean,
    plainHttp: requireBoolean,
    onProgress: requireFunction,
    maxUnpacked: requireUnpackable,
  });
}
