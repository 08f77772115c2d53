/** The argument of commands that carry images somewhere: an image that is there already, or what one is made of. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import type { BuildOptions } from "../planning/buildOptions.js";
import type { Destination } from "../planning/destination.js";
import type { PreviousImage } from "../planning/imageAtDestination.js";
import type { BuiltImage } from "../builders/build/builtImage.js";
import type { ImageSpec } from "../spec/spec.js";
import { LaminixError, named } from "../errors.js";
import { firstBytes } from "../files/optionalFile.js";
import { followed } from "../store/followed.js";
import { storeDirOf } from "../store/storePath.js";
import { DOCKER } from "../manifests/reference.js";
import type { UnpackBudget } from "../transports/unpackBudget.js";
import type { LayerFlags } from "./formatFlags.js";
import { type ImageFlags, specFrom, withBaseInput, withImageFlags, withLayerFlags } from "./imageFlags.js";
import type { Io } from "./io.js";
import { type CommonOptions, withStore } from "./options.js";
import { returnFreedMemory } from "./ownProcess.js";
import { isSpec, requireFiles } from "./paths.js";
import { withInput } from "./standardInput.js";

export const SPEC_OR_PATHS_OR_ARCHIVE =
  "a spec in JSON, store paths that become the contents, or an archive or a layout that holds images";

export interface ImageArgumentOptions extends Pick<BuildOptions, "onProgress" | "registries"> {
  readonly maxUnpacked?: UnpackBudget | undefined;
  /** Where the image goes: what is there is the previous one for a `--previous` without a value. */
  readonly destination: Destination;
  /** Adds to the spec what more flags say. */
  readonly describe?: (spec: ImageSpec) => ImageSpec;
}

/**
 * The image that arguments name, for as long as `use` runs.
 * @param args a spec's file, or paths; or one archive or folder of an OCI layout, or `docker://` and the name of an image
 *   in a registry, which are handed on as they are
 * @throws {LaminixError} ERR_USAGE for flags that describe an image when it is there already; ERR_ARCHIVE for a script
 *   that prints an image; and what building one throws
 */
export async function withImage<T>(
  io: Io,
  args: readonly string[],
  options: CommonOptions & ImageFlags & Pick<LayerFlags, "annotation">,
  how: ImageArgumentOptions,
  use: (image: string | BuiltImage) => Promise<T>,
): Promise<T> {
  await returnFreedMemory();
  return withInput(io, args, how, (files) => withFiles(io, files, options, how, use));
}

async function withFiles<T>(
  io: Io,
  args: readonly string[],
  options: CommonOptions & ImageFlags & Pick<LayerFlags, "annotation">,
  { onProgress, registries, maxUnpacked, destination, describe = (spec) => spec }: ImageArgumentOptions,
  use: (image: string | BuiltImage) => Promise<T>,
): Promise<T> {
  const finished = finishedImage(args);
  if (finished !== undefined) {
    requireFiles([finished]);
    refuseImageFlags(finished, options);
    return use(finished);
  }
  const { streamLayeredImage } = await import("../builders/build/streamLayeredImage.js");
  const { jobs } = options;
  return withBaseInput(io, options, { maxUnpacked }, (flags) =>
    withStore(options, async (store) => {
      const spec = describe(await specFrom(args, flags, store, io));
      const previousAt = flags.previous === true ? destination : undefined;
      const { signal } = io;
      await using image = await streamLayeredImage(spec, {
        ...{ store, signal, jobs, onProgress, registries, maxUnpacked, previousAt },
      });
      return await use(image);
    }),
  );
}

/** For a document: the image that this one was planned after, where that was asked for without naming it. */
export function previousOf(image: string | BuiltImage): { readonly previous?: PreviousImage | null } {
  const previous = typeof image === "string" ? undefined : image.previous;
  return { ...(previous !== undefined && { previous }) };
}

/** The one argument that names an image and not what it is made of, links followed. */
export function finishedImage(args: readonly string[]): string | undefined {
  const [only = ""] = args;
  if (args.length !== 1 || isSpec(args)) return undefined;
  if (only.startsWith(DOCKER)) return only;
  const stats = statSync(only, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return existsSync(join(only, "oci-layout")) ? only : undefined;
  if (stats?.isFile()) {
    refuseScript(only);
    return only;
  }
  // The store may be elsewhere; what is in none can only be an archive whose name is wrong.
  return stats || storeDirOf(followed(only, undefined)) !== undefined ? undefined : only;
}

/** What nixpkgs' `streamLayeredImage` builds is a program that prints the archive. */
function refuseScript(path: string): void {
  if (firstBytes(path, 2) !== "#!") return;
  throw new LaminixError("ERR_ARCHIVE", `${named(path)} is a script, not an archive`, {
    details: { path },
    hint: `if it prints an image, as what nixpkgs' streamLayeredImage builds does, keep that: ${path} >image.tar`,
  });
}

/** An image that is there already is carried as it is. */
function refuseImageFlags(image: string, flags: object): void {
  const { options } = withLayerFlags(withImageFlags(new Command())).option("--annotation <K=V>");
  const useless = options.find((flag) => {
    const given: unknown = flags[flag.attributeName() as keyof typeof flags];
    return given !== undefined && flag.negate === (given === false);
  });
  if (!useless) return;
  throw new LaminixError("ERR_USAGE", `--${useless.name()} has no effect: ${image} is already an image`, {
    hint: "to build on it, use --from-image",
  });
}
