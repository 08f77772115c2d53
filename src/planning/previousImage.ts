/** Images that were there before, as plans: of each layer, the store paths that the image's history tells. */
import { statSync } from "node:fs";
import type { Digest } from "../bytes/digest.js";
import { LaminixError } from "../errors.js";
import { firstBytes } from "../files/optionalFile.js";
import { storeLayersInHistory } from "../image/history.js";
import type { StorePath } from "../store/storePath.js";
import { DOCKER } from "../manifests/reference.js";
import { type Image, knownConfig, type NamedImage } from "../image/image.js";
import type { LayeringOptions } from "./layering.js";
import { type Named, ofThatName } from "./ofThatName.js";
import type { ResolvedSpec } from "../spec/spec.js";

/** What decides which one is meant, where there are several. */
export type PlannedImage = Pick<ResolvedSpec, "name" | "architecture" | "variant">;

/** JSON has none of these (RFC 8259, section 7), and every archive begins with some. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f]/;

/** Whether a name is that of an image (in a registry, a folder or an archive), and not of a file of JSON. */
export function isImage(name: string): boolean {
  if (name.startsWith(DOCKER)) return true;
  try {
    const stats = statSync(name);
    // What a pipe has can be read but once.
    return stats.isDirectory() || (stats.isFile() && CONTROLS.test(firstBytes(name, 512)));
  } catch {
    return false; // reading it will tell why
  }
}

/**
 * The manifest and the configuration are read, and no layer; a compressed archive has to be unpacked for them.
 * @param name what `openImages` opens
 * @param key of the spec, for messages
 * @returns store paths, layer by layer
 * @throws {LaminixError} as `openImages`; ERR_SPEC where the image tells of no layer of store paths, or of several images
 *   none is meant
 */
export async function planOfImage(
  name: string,
  key: string,
  { name: called, architecture, variant }: PlannedImage,
  { signal, registries, onProgress, maxUnpacked }: LayeringOptions,
): Promise<StorePath[][]> {
  // The readers are loaded for those who need them.
  const { openImages } = await import("../transports/open.js");
  const platform = { os: "linux", architecture, variant };
  using opened = await openImages(name, { signal, platform, registries, maxUnpacked }).catch(
    (error: unknown) => {
      throw explained(error, name, key);
    },
  );
  const hint = "copy one of them out, as by skopeo copy docker-archive:FILE:NAME:TAG oci:FOLDER";
  const all = distinct(opened.images);
  const image = ofThatName(all, { name: called, where: name, key, hint });
  const plan = storeLayersInHistory(knownConfig(image).json, image.layers);
  if (plan.length === 0) {
    throw new LaminixError("ERR_SPEC", `${name}, named by ${key}, tells of no layer of store paths`, {
      details: { key, image: name },
      hint: "the history of what laminix and nixpkgs' streamLayeredImage make tells them; for other images give a plan, as laminix layers … --json prints it",
    });
  }
  if (opened.digest !== undefined && !name.includes("@"))
    onProgress?.({ type: "note", message: `${name}, named by ${key}, is ${opened.digest}` });
  return plan;
}

/** Each image once, with all its names. */
function distinct(images: readonly NamedImage[]): Named<Image>[] {
  const digestOf = ({ image }: NamedImage): Digest => knownConfig(image).digest;
  return [...new Map(images.map((named) => [digestOf(named), named.image]))].map(([digest, value]) => ({
    names: images.flatMap((named) => (digestOf(named) === digest ? named.references : [])),
    value,
  }));
}

/** A registry's error where the image is not there says what to do before there is one. */
function explained(error: unknown, name: string, key: string): unknown {
  if (!(error instanceof LaminixError) || error.details["status"] !== 404) return error;
  return new LaminixError(error.code, `${name}, named by ${key}, is not there: ${error.message}`, {
    cause: error,
    details: error.details,
    hint: `before the first push there is none: leave ${key} out then; else check the names of the repository and the tag`,
  });
}
