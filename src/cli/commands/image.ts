import type { Command } from "commander";
import { compressorFor, printArchive } from "../archiveOutput.js";
import { bytes } from "../format.js";
import { type ImageFlags, SPEC_OR_PATHS, specFrom, withImageFlags, withLayerFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";

type Options = CommonOptions & ImageFlags;

export function stream(io: Io): Command {
  return withLayerFlags(
    withImageFlags(command("stream", "an image as a docker-archive on standard output, for docker load")),
  )
    .argument("[SPEC|PATH...]", SPEC_OR_PATHS)
    .action(async (args: string[], options: Options) => {
      refuseTerminal(io, "docker load");
      const { streamLayeredImage } = await import("../../builders/streamLayeredImage.js");
      const { jobs } = options;
      const { onProgress, finish } = progress(io, options);
      await withStore(options, async (store) => {
        const spec = await specFrom(args, options, store, io);
        await using image = await streamLayeredImage(spec, { store, signal: io.signal, jobs, onProgress });
        const size = await printArchive(io, image.pieces());
        finish(`${image.imageName}:${image.imageTag}  ${bytes(size)}`);
      });
    });
}

interface BuildOptions extends Options {
  readonly output: string;
  readonly compress?: string;
}

export function build(io: Io): Command {
  const own = command("build", "an image as a docker-archive in a file")
    .requiredOption("-o, --output <FILE>", "where to write it")
    .option(
      "--compress <HOW>",
      "none, gz or zstd; unless given, the spec's, or what the file's name ends in",
    );
  return withLayerFlags(withImageFlags(own))
    .argument("[SPEC|PATH...]", SPEC_OR_PATHS)
    .action(async (args: string[], options: BuildOptions) => {
      const { buildLayeredImage } = await import("../../builders/buildLayeredImage.js");
      const { output, jobs } = options;
      const { onProgress, finish } = progress(io, options);
      await withStore(options, async (store) => {
        const spec = await specFrom(args, options, store, io);
        const compressor = await compressorFor(spec, options);
        const { imageName, imageTag, size } = await buildLayeredImage(
          { ...spec, compressor },
          { store, signal: io.signal, jobs, onProgress, output },
        );
        finish(`${imageName}:${imageTag}  ${output}  ${bytes(size)}`);
      });
    });
}
