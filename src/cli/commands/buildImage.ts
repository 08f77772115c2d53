import { type Command, Option } from "commander";
import type { SingleLayerSpec } from "../../builders/singleLayerSpec.js";
import { bytes } from "../format.js";
import { archiveCompression, type FormatFlags, withFormatFlags, withFormatKeys } from "../formatFlags.js";
import { type ImageFlags, specFrom, withImageFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, whole, withStore } from "../options.js";
import { progress } from "../progress.js";

type Options = CommonOptions & ImageFlags & FormatFlags;

export function buildImage(io: Io): Command {
  const own = withFormatFlags(command("build-image", "an image with everything in one layer"));
  return withImageFlags(own)
    .addOption(new Option("--uid <N>", "owner of what is copied to the root").argParser(whole))
    .addOption(new Option("--gid <N>", "group of what is copied to the root").argParser(whole))
    .argument("<SPEC>", "a spec in JSON, with copyToRoot")
    .action(async (file: string, options: Options) => {
      const { singleLayerImage } = await import("../../builders/singleLayerImage.js");
      const { writeImageFile } = await import("../../builders/imageFile.js");
      const { output, format, jobs } = options;
      const { signal } = io;
      const { onProgress, finish } = progress(io, options);
      await withStore(options, async (store) => {
        const given = (await specFrom([file], options, store, io)) as SingleLayerSpec;
        const spec = withFormatKeys(given, options);
        const compression = archiveCompression(options, spec);
        await using image = await singleLayerImage(spec, { store, signal, jobs, onProgress });
        const { size } = await writeImageFile(image, { output, format, signal, jobs }, compression);
        finish(`${image.reference}  ${output}  ${bytes(size)}`);
      });
    });
}
