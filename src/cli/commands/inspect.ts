import type { Command } from "commander";
import type { NamedImage } from "../../image/image.js";
import { inspectJson, inspectLines } from "../inspectText.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { reading } from "../progress.js";
import {
  type PlatformFlags,
  platformIn,
  type TrustFlags,
  withPlatformFlags,
  withImagePlace,
  withTrustFlags,
} from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, PlatformFlags, TrustFlags, UnpackFlag {
  readonly files?: boolean;
}

const help = `
Of each layer: its digest and size, and what the image tells of it, which is store paths for images by laminix and
nixpkgs, and the command that made it for others. Store paths have sizes where the layer lies uncompressed in a file; with
--files every layer is unpacked or fetched, and they always have. What compressed layers on this machine is told as packed.
With --json: {"images":[{"tags","digest","configDigest","architecture","os","config","layers":[{"digest","diffId","size",
"mediaType","urls","encoder","createdBy","storePaths":[{"path","name","version","size"},…],
"files":[{"type","size","name"},…]},…]}],"warnings":[…]}; what is not known is not there, or null.

Examples:
  laminix inspect image.tar.gz
  laminix inspect image.tar.gz --files
  laminix inspect docker.io/library/debian:12 --arch arm64`;

export function inspect(io: Io): Command {
  const own = command("inspect", "show what is in a docker-archive, an OCI layout or an image in a registry")
    .argument(
      "<ARCHIVE|REF>",
      "a file, the folder of an OCI layout, or [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]",
    )
    .option("--files", "list the files of each layer: type, bytes and name")
    .addHelpText("after", help);
  return withUnpackFlag(withTrustFlags(withPlatformFlags(own))).action(
    async (argument: string, options: Options) => {
      const { openImages } = await import("../../transports/open.js");
      const { DigestCache } = await import("../../image/digestCache.js");
      const { signal } = io;
      const { maxUnpacked, files = false } = options;
      const report = new Report(io, options, reading(argument));
      await withImagePlace(io, argument, options, async (place, registries) => {
        const platform = platformIn(options);
        const strict = platform !== undefined;
        using opened = await openImages(place, { signal, registries, platform, strict, maxUnpacked });
        const how = { files, signal, cache: new DigestCache() };
        const lines = eachImage(opened.images, (named) => inspectLines(named, how));
        await report.pieces(inspectJson(opened, how), lines);
      });
    },
  );
}

async function* eachImage<T>(
  images: readonly NamedImage[],
  lines: (image: NamedImage) => AsyncIterable<T>,
): AsyncGenerator<T> {
  for (const image of images) yield* lines(image);
}
