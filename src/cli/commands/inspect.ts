import type { Command } from "commander";
import { knownConfig, type NamedImage } from "../../image/image.js";
import type { Descriptor } from "../../image/descriptor.js";
import { redactUrl } from "../../redact.js";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import {
  imagePlace,
  type PlatformFlags,
  platformIn,
  type TrustFlags,
  withPlatformFlags,
  withRegistries,
  withTrustFlags,
} from "../registryFlags.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

type Options = CommonOptions & PlatformFlags & TrustFlags & UnpackFlag;

const examples = `
Examples:
  laminix inspect image.tar.gz
  laminix inspect docker.io/library/debian:12 --arch arm64`;

export function inspect(io: Io): Command {
  const own = command("inspect", "show what is in a docker-archive, an OCI layout or an image in a registry")
    .argument(
      "<ARCHIVE|REF>",
      "a file, the folder of an OCI layout, or [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]",
    )
    .addHelpText("after", examples);
  return withUnpackFlag(withTrustFlags(withPlatformFlags(own))).action(
    async (argument: string, options: Options) => {
      const { openImages } = await import("../../transports/open.js");
      const { describeImages, layerDescriptors } = await import("../../transports/describe.js");
      const { formatJson } = await import("../../bytes/json.js");
      const { signal } = io;
      const { maxUnpacked } = options;
      const place = imagePlace(argument);
      await withRegistries([place], options, io, async (registries) => {
        const platform = platformIn(options);
        const strict = platform !== undefined;
        using opened = await openImages(place, { signal, registries, platform, strict, maxUnpacked });
        if (options.json) {
          await io.stdout.write(`${formatJson(await describeImages(opened, { signal }))}\n`);
          return;
        }
        for (const named of opened.images) {
          const runs = formatJson(knownConfig(named.image).json.get("config") ?? null);
          const layers = await layerDescriptors(named.image.layers, { signal });
          await io.stdout.write(lines(named, runs, layers));
        }
      });
    },
  );
}

function lines({ image, references }: NamedImage, runs: string, layers: readonly Descriptor[]): string {
  const { manifest } = image;
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  return [
    references.join(" ") || "(no tag)",
    ...(manifest ? [`  digest  ${manifest.digest}`] : []),
    `  config  ${knownConfig(image).digest}`,
    `  runs    ${runs}`,
    `  layers  ${counted(layers.length, "layer")}, ${bytes(size)}`,
    ...layers.flatMap((layer) => [
      `          ${layer.digest}  ${bytes(layer.size).padStart(8)}`,
      ...(layer.urls ?? []).map((url) => `            from ${redactUrl(url)}`),
    ]),
    "",
  ].join("\n");
}
