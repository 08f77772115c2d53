import { type Command, Option } from "commander";
import { withFormatFlags, withManifestFlags } from "../formatFlags.js";
import { withImageFlags } from "../imageFlags.js";
import { type OutputOptions, writeImage } from "../imageOutput.js";
import { ACCELERATIONS, ISOLATIONS, type RootScriptOptions } from "../../vm/rootScript.js";
import type { Io } from "../io.js";
import { command, count, underHeading, whole } from "../options.js";
import { withUnpackFlag } from "../unpackFlag.js";

const examples = `
With --json: the document that laminix build prints.

Examples:
  laminix build-image spec.json -o image.tar.gz
  laminix build-image spec.json -o image.tar --isolation namespace --network`;

export function buildImage(io: Io): Command {
  const own = withImageFlags(
    withFormatFlags(command("build-image", "write an image with everything in one layer on top of its base")),
  );
  underHeading(own, "Scripts that run as root (runAsRoot):", (flags) =>
    flags
      .addOption(
        new Option("--isolation <KIND>", "where the script runs (default: machine)").choices(ISOLATIONS),
      )
      .option("--kernel <FILE>", "the machine's kernel, or the folder into which its package was unpacked")
      .addOption(
        new Option("--acceleration <KIND>", "how the machine runs (default: kvm if it works)").choices(
          ACCELERATIONS,
        ),
      )
      .addOption(
        new Option("--time-limit <SECONDS>", "the longest it may run (default: 3600)").argParser(count),
      )
      .option("--network", "give the script network access"),
  );
  underHeading(own, "Owner:", (flags) =>
    flags
      .addOption(new Option("--uid <N>", "owner of what is copied to the root").argParser(whole))
      .addOption(new Option("--gid <N>", "group of what is copied to the root").argParser(whole)),
  );
  return withUnpackFlag(withManifestFlags(own))
    .argument("<SPEC>", "a spec in JSON, with copyToRoot")
    .addHelpText("after", examples)
    .action(async (file: string, options: OutputOptions & RootScriptOptions) => {
      const { singleLayerImage } = await import("../../builders/build/singleLayerImage.js");
      const { isolation, kernel, acceleration, timeLimit, network } = options;
      const runAsRoot = { isolation, kernel, acceleration, timeLimit, network };
      await writeImage(io, [file], options, (spec, how) => singleLayerImage(spec, { ...how, runAsRoot }));
    });
}
