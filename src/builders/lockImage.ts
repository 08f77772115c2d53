/**
 * The lock of an image: manifests of a registry, in a file that is kept beside an expression. From it, `nix/` fetches
 * the blobs that they name, each by its digest.
 */
import { checkGiven, keysOf, requireBoolean, requireKnown, requireString } from "../arguments.js";
import { once } from "../bytes/bytes.js";
import type { Digest } from "../bytes/digest.js";
import { formatJson, type Json, JsonNumber, jsonObject } from "../bytes/json.js";
import { ArgumentError, LaminixError } from "../errors.js";
import type { Output } from "../files/outputTarget.js";
import { type Image, type ImageManifest, knownConfig, type NamedImage } from "../image/image.js";
import { type PackedLayer, packedLayer } from "../image/layer.js";
import type { Platform } from "../image/platform.js";
import { isForeign, missingLayer } from "../manifests/descriptor.js";
import type { PlatformChoice } from "../manifests/platform.js";
import { nameWithoutTag, parseReference } from "../manifests/reference.js";

export interface LockOptions {
  /** The file to write; a regular file is replaced when the new one is whole. */
  readonly output: string;
  /** Those whose manifests to lock. Unless given, this machine's on Linux, or whatever the only one is. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Whether to verify the registry's certificate; default: `true`. Applies to that registry only. */
  readonly tlsVerify?: boolean | undefined;
  /** Whether to use http; default: `false`. */
  readonly plainHttp?: boolean | undefined;
  /** The environment that names proxies and credentials; default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const KEYS = keysOf<LockOptions>({
  ...{ output: true, platforms: true, tlsVerify: true, plainHttp: true, environment: true, signal: true },
});

const PLATFORM_KEYS = keysOf<Platform>({ os: true, architecture: true, variant: true });

/** One image that has been locked. */
export interface LockedManifest {
  readonly platform: Platform;
  readonly digest: Digest;
  /** How many layers it has. */
  readonly layers: number;
  /** Bytes of the blobs that it names, each once. */
  readonly size: number;
}

/** Manifests that have been written to a file. */
export interface ImageLock {
  /** The file, as it was asked for. */
  readonly path: string;
  /** The reference without tag and digest, as it was given. */
  readonly imageName: string;
  /** Absent where the reference has only a digest. */
  readonly imageTag?: string;
  /** In the order of the platforms that were asked for. */
  readonly manifests: readonly LockedManifest[];
}

/**
 * Writes a lock: the manifests that a reference leads to now, byte for byte, and where they come from.
 * @param reference `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`, as for `docker pull`
 * @throws {LaminixError} ERR_REFERENCE, ERR_REGISTRY, ERR_REGISTRY_AUTH, ERR_REGISTRY_UNREACHABLE, ERR_DIGEST,
 *   ERR_JSON; ERR_ARCHIVE for other platforms, or a layer of more than 64 GiB; ERR_UNSUPPORTED for what is no image, and
 *   for layers that no registry has; ERR_FILE_WRITE
 */
export async function lockImage(reference: string, options: LockOptions): Promise<ImageLock> {
  requireString(reference, "reference");
  checkOptions(options);
  const { openOutput } = await import("../files/output.js");
  await using output = await openOutput(options.output, { signal: options.signal, content: "text" });
  return await lockTo(output, reference, options);
}

/** The same, to a place that has been checked. */
export async function lockTo(
  output: Output,
  reference: string,
  { platforms, signal, ...connection }: Omit<LockOptions, "output">,
): Promise<ImageLock> {
  const wanted = parseReference(reference);
  const imageName = nameWithoutTag(reference);
  const imageTag = wanted.tag ?? (wanted.digest === undefined ? "latest" : undefined);
  const { RegistryClient } = await import("../transports/registry/client.js");
  const { readRemoteImages } = await import("../transports/registry/image.js");
  const { tlsVerify, plainHttp, environment } = connection;
  await using client = new RegistryClient(wanted.registry, { tlsVerify, plainHttp, environment });
  const locked = new Map<Digest, Locked>();
  let { digest } = wanted;
  for (const choice of choicesOf(platforms)) {
    const remote = await readRemoteImages(client, { ...wanted, digest }, { signal, ...choice });
    using _ = remote.unpacking;
    // The tag may lead elsewhere by the time that the next platform is asked for.
    ({ digest } = remote);
    const [{ image }] = remote.images as readonly [NamedImage];
    const found = lockedImage(image, reference);
    locked.set(found.manifest.digest, found);
  }
  const all = [...locked.values()];
  const lock = jsonObject({
    lockVersion: new JsonNumber("1"),
    imageName,
    ...(imageTag !== undefined && { imageTag }),
    manifests: all.map(({ json }) => json),
  });
  await output.write(once(Buffer.from(`${formatJson(lock, 2)}\n`)));
  return {
    path: output.path,
    imageName,
    ...(imageTag !== undefined && { imageTag }),
    manifests: all.map(({ manifest }) => manifest),
  };
}

function choicesOf(platforms: readonly Platform[] = []): readonly PlatformChoice[] {
  return platforms.length === 0 ? [{}] : platforms.map((platform) => ({ platform, strict: true }));
}

interface Locked {
  readonly json: Json;
  readonly manifest: LockedManifest;
}

/** @throws {LaminixError} ERR_ARCHIVE, ERR_UNSUPPORTED for what Nix could not fetch later */
function lockedImage(image: Image, reference: string): Locked {
  const { bytes, mediaType, digest } = image.manifest as ImageManifest; // as all of a registry have one
  const { platform } = image;
  const layers = image.layers.flatMap((layer) => packedLayer(layer) ?? []);
  for (const layer of layers) requireFetchable(layer, reference);
  const config = knownConfig(image);
  const sizes = new Map([[config.digest, config.bytes.length], ...layers.map(sizeOf)]);
  const size = [...sizes.values()].reduce((sum, each) => sum + each, 0);
  const { os, architecture, variant } = platform;
  const json = jsonObject({
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    mediaType,
    digest,
    manifest: linesOf(bytes, reference),
  });
  return { json, manifest: { platform, digest, layers: layers.length, size } };
}

const sizeOf = ({ digest, size }: PackedLayer): [Digest, number] => [digest, size];

/** Bytes of a blob, at the most; `nix/lib/manifestLock.nix` has it too. */
const MAX_BLOB = 64 * 2 ** 30;

function requireFetchable(layer: PackedLayer, reference: string): void {
  if (isForeign(layer)) throw missingLayer(layer, reference, undefined);
  const { digest, size } = layer;
  if (size <= MAX_BLOB) return;
  throw new LaminixError("ERR_ARCHIVE", `a layer of ${reference} has more than 64 GiB: ${digest}`, {
    details: { digest, size, limit: MAX_BLOB },
  });
}

/** The manifest's text by its lines, so that people can read what changes. Joined by line feeds, they are its bytes. */
function linesOf(bytes: Buffer, reference: string): string[] {
  const text = bytes.toString("utf8");
  if (Buffer.from(text).equals(bytes)) return text.split("\n");
  throw new LaminixError("ERR_JSON", `the manifest of ${reference} is not UTF-8`, { details: { reference } });
}

function checkOptions(options: LockOptions): void {
  requireKnown(options, KEYS);
  requireString(options.output, "options.output");
  checkGiven(options, "options", {
    platforms: requirePlatforms,
    tlsVerify: requireBoolean,
    plainHttp: requireBoolean,
  });
}

function requirePlatforms(value: unknown, argument: string): void {
  if (!Array.isArray(value)) throw new ArgumentError(argument, "an array of platforms", value);
  value.forEach((platform: object, i) => {
    const name = `${argument}[${String(i)}]`;
    requireKnown(platform, PLATFORM_KEYS, name);
    const { os, architecture } = platform as Partial<Platform>;
    requireString(os, `${name}.os`);
    requireString(architecture, `${name}.architecture`);
    checkGiven(platform, name, { variant: requireString });
  });
}
