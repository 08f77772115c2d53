import type { Command } from "commander";
import type { BuiltImage } from "../../builders/builtImage.js";
import { printArchive } from "../archiveOutput.js";
import { bytes } from "../format.js";
import { type ImageFlags, specFrom, withImageFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { type Progress, progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";

type Options = CommonOptions & ImageFlags;

export function stream(io: Io): Command {
  return withImageFlags(command("stream", "an image as a docker-archive on standard output, for docker load"))
    .argument("[SPEC|PATH...]")
    .action(async (args: string[], options: Options) => {
      refuseTerminal(io, "docker load");
      await withImage(io, args, options, async (image, { finish }) => {
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
  return withImageFlags(command("build", "an image as a docker-archive in a file"))
    .argument("[SPEC|PATH...]")
    .requiredOption("-o, --output <FILE>", "where to write it")
    .option("--compress <HOW>", "none, gz or zstd; unless given, the spec's, or what the file's name ends in")
    .action(async (args: string[], options: BuildOptions) => {
      const { compressionFor, writeFileWhole } = await import("../../transports/file.js");
      await withImage(io, args, options, async (image, { finish }, compressor) => {
        const compression = compressionFor(options.output, options.compress ?? compressor);
        const size = await writeFileWhole(options.output, image.pieces(), { compression, signal: io.signal });
        finish(`${image.imageName}:${image.imageTag}  ${options.output}  ${bytes(size)}`);
      });
    });
}

async function withImage(
  io: Io,
  args: readonly string[],
  options: Options,
  use: (image: BuiltImage, progress: Progress, compressor: string | undefined) => Promise<void>,
): Promise<void> {
  const { streamLayeredImage } = await import("../../builders/streamLayeredImage.js");
  const shown = progress(io, options);
  await withStore(options, async (store) => {
    const spec = await specFrom(args, options, store, io);
    const { onProgress } = shown;
    const image = await streamLayeredImage(spec, {
      store,
      signal: io.signal,
      jobs: options.jobs,
      onProgress,
    });
    try {
      await use(image, shown, spec.compressor);
    } finally {
      await image.close();
    }
  });
}
