import type { Command } from "commander";
import { printArchive } from "../archiveOutput.js";
import { bytes } from "../format.js";
import { withFormatFlags, withManifestFlags } from "../formatFlags.js";
import { type ImageFlags, SPEC_OR_PATHS, specFrom, withImageFlags, withLayerFlags } from "../imageFlags.js";
import { type OutputOptions, writeImage } from "../imageOutput.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { PLANNING, progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

type Options = CommonOptions & ImageFlags & UnpackFlag;

const streamExamples = `
Examples:
  laminix stream ./result --cmd /bin/hello | docker load
  laminix stream spec.json | podman load
  laminix stream ./result ./site --name web --env PORT=80 --expose 80 >image.tar`;

const buildExamples = `
Examples:
  laminix build ./result -o image.tar.gz --cmd /bin/hello
  laminix build spec.json -o image.tar.zst
  laminix build spec.json -o ./layout --format oci-dir --layer-compression zstd`;

export function stream(io: Io): Command {
  const own = command("stream", "write an image to standard output, as a docker-archive for docker load");
  return withUnpackFlag(withLayerFlags(withImageFlags(own)))
    .argument("[SPEC|PATH...]", SPEC_OR_PATHS)
    .addHelpText("after", streamExamples)
    .action(async (args: string[], options: Options) => {
      refuseTerminal(io, "docker load");
      const { streamLayeredImage } = await import("../../builders/build/streamLayeredImage.js");
      const { jobs, maxUnpacked } = options;
      const { onProgress, finish } = progress(io, options, PLANNING);
      await withStore(options, async (store) => {
        const spec = await specFrom(args, options, store, io);
        await using image = await streamLayeredImage(spec, {
          ...{ store, signal: io.signal, jobs, onProgress, maxUnpacked },
        });
        const size = await printArchive(io, image.pieces());
        finish(`${image.reference}  ${bytes(size)}`);
      });
    });
}

export function build(io: Io): Command {
  const own = withFormatFlags(command("build", "write an image to a file or an OCI layout"));
  return withUnpackFlag(withManifestFlags(withLayerFlags(withImageFlags(own))))
    .argument("[SPEC|PATH...]", SPEC_OR_PATHS)
    .addHelpText("after", buildExamples)
    .action(async (args: string[], options: OutputOptions) => {
      const { streamLayeredImage } = await import("../../builders/build/streamLayeredImage.js");
      await writeImage(io, args, options, streamLayeredImage);
    });
}
