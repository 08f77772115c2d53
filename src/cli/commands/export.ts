import type { Command } from "commander";
import type { FileDocument } from "../documents/images.js";
import { bytes } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { outputAt, STANDARD_OUTPUT } from "../outputs.js";
import { requireFiles } from "../paths.js";
import { reading } from "../progress.js";
import { type PlatformFlags, withPlatformFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { withInput } from "../standardInput.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, PlatformFlags, UnpackFlag {
  readonly output?: string;
  readonly image?: string;
}

const examples = `
With --json: {"output","size","warnings":[…]}; on standard error where there is no --output.

Examples:
  laminix export image.tar.gz | tar -tv
  laminix export ./layout --arch arm64 -o root.tar`;

export function exportCommand(io: Io): Command {
  const own = command("export", "write an image's root file system as one tar")
    .option("-o, --output <FILE>", "the file to write (default: -, standard output)")
    .option("--image <NAME:TAG>", "which image, if there are several (default: the first)");
  return withUnpackFlag(withPlatformFlags(own))
    .argument("<ARCHIVE>", "a file, or the folder of an OCI layout")
    .addHelpText("after", examples)
    .action(async (archive: string, options: Options) => {
      const { exportPieces } = await import("../../builders/exportImage.js");
      const report = new Report(io, options, reading(archive));
      const { output: place = STANDARD_OUTPUT, image: reference, maxUnpacked, os, arch, variant } = options;
      requireFiles([archive]);
      await using output = await outputAt(place, io, { content: "archive", reader: "tar -t" });
      const how = { signal: io.signal, reference, maxUnpacked, os, architecture: arch, variant };
      const size = await withInput(io, [archive], options, ([file = archive]) =>
        output.write(exportPieces(file, how)),
      );
      const summary = options.output === undefined ? bytes(size) : `${output.path}  ${bytes(size)}`;
      await report.facts<FileDocument>({ output: place, size }, { summary }, output);
    });
}
