import { type Command, Option } from "commander";
import { withFormatFlags } from "../formatFlags.js";
import { withImageFlags } from "../imageFlags.js";
import { type OutputOptions, writeImage } from "../imageOutput.js";
import type { Io } from "../io.js";
import { command, whole } from "../options.js";

export function buildImage(io: Io): Command {
  const own = withFormatFlags(command("build-image", "an image with everything in one layer"));
  return withImageFlags(own)
    .addOption(new Option("--uid <N>", "owner of what is copied to the root").argParser(whole))
    .addOption(new Option("--gid <N>", "group of what is copied to the root").argParser(whole))
    .argument("<SPEC>", "a spec in JSON, with copyToRoot")
    .action(async (file: string, options: OutputOptions) => {
      const { singleLayerImage } = await import("../../builders/singleLayerImage.js");
      await writeImage(io, [file], options, singleLayerImage);
    });
}
