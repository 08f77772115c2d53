import { type Command, Option } from "commander";
import type { SingleLayerSpec } from "../../builders/singleLayerSpec.js";
import { bytes } from "../format.js";
import { compressorFor } from "../archiveOutput.js";
import { type ImageFlags, specFrom, withImageFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, whole, withStore } from "../options.js";
import { progress } from "../progress.js";

interface Options extends CommonOptions, ImageFlags {
  readonly output: string;
  readonly compress?: string;
}

export function buildImage(io: Io): Command {
  const own = command("build-image", "an image with everything in one layer, in a file")
    .requiredOption("-o, --output <FILE>", "where to write it")
    .option(
      "--compress <HOW>",
      "none, gz or zstd; unless given, the spec's, or what the file's name ends in",
    );
  return withImageFlags(own)
    .addOption(new Option("--uid <N>", "owner of what is copied to the root").argParser(whole))
    .addOption(new Option("--gid <N>", "group of what is copied to the root").argParser(whole))
    .argument("<SPEC>", "a spec in JSON, with copyToRoot")
    .action(async (file: string, options: Options) => {
      const { buildImage: write } = await import("../../builders/buildImage.js");
      const { onProgress, finish } = progress(io, options);
      await withStore(options, async (store) => {
        const spec = (await specFrom([file], options, store, io)) as SingleLayerSpec;
        const { output, jobs } = options;
        const compressor = await compressorFor(spec, options);
        const { imageName, imageTag, size } = await write(
          { ...spec, compressor },
          { store, signal: io.signal, jobs, onProgress, output },
        );
        finish(`${imageName}:${imageTag}  ${output}  ${bytes(size)}`);
      });
    });
}
