import type { Command } from "commander";
import { withFormatFlags, withManifestFlags } from "../formatFlags.js";
import { type ImageFlags, SPEC_OR_PATHS, withImageFlags, withLayerFlags } from "../imageFlags.js";
import { type OutputOptions, writeImage } from "../imageOutput.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

type Options = CommonOptions & ImageFlags & UnpackFlag;

const streamExamples = `
With --json: the document that laminix build prints, on standard error.

Examples:
  laminix stream ./result --cmd /bin/hello | docker load
  laminix stream spec.json | podman load
  laminix stream ./result ./site --name web --env PORT=80 --expose 80 >image.tar`;

const buildExamples = `
With --json: {"name","tag","reference","output","format","compression","size","digest","layers":[{"kind","sources","diffId",
"size"},…],"warnings":[…]}; docs/json.md says what each of them is.

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
      const { streamLayeredImage } = await import("../../builders/build/streamLayeredImage.js");
      await writeImage(io, args, { ...options, compress: "none" }, streamLayeredImage);
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
