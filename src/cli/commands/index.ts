import { type Command, Option } from "commander";
import type { ImageFormat } from "../../builders/imageFile.js";
import { bytes } from "../format.js";
import { annotationsIn, type LayerFlags, withManifestFlags } from "../formatFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { progress } from "../progress.js";

interface Options extends CommonOptions, LayerFlags {
  readonly output: string;
  readonly format?: Exclude<ImageFormat, "docker-archive">;
  readonly name?: string;
}

export function index(io: Io): Command {
  return withManifestFlags(command("index", "one name for images of several platforms, as an OCI layout"))
    .argument("<IMAGE...>", "archives, or folders of OCI layouts")
    .requiredOption("-o, --output <DIR>", "where to write it")
    .addOption(
      new Option("--format <F>", "what to write (default: oci-dir)").choices(["oci-dir", "oci-archive"]),
    )
    .option("--name <NAME:TAG>", "the name; that of the images where they have but one unless given")
    .action(async (images: string[], options: Options) => {
      const { buildImageIndex } = await import("../../builders/buildImageIndex.js");
      const { platformName } = await import("../../image/platform.js");
      const { output, format, name: reference, jobs, layerCompression, layerCompressionLevel } = options;
      const annotations = annotationsIn(options.annotation ?? []);
      const { onProgress, finish } = progress(io, options);
      const { digest, size, platforms } = await buildImageIndex(images, {
        ...{ output, format, reference, jobs, annotations, layerCompression, layerCompressionLevel },
        ...{ signal: io.signal, onProgress },
      });
      finish(`${platforms.map(platformName).join(", ")}  ${output}  ${bytes(size)}`);
      if (options.json) {
        await io.stdout.write(`${JSON.stringify({ digest, size, platforms })}\n`);
        return;
      }
      await io.stdout.write(`${digest}\n`);
    });
}
