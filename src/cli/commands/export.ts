import type { Command } from "commander";
import { printArchive } from "../archiveOutput.js";
import { bytes } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output?: string;
  readonly image?: string;
}

export function exportCommand(io: Io): Command {
  return withUnpackFlag(command("export", "an image's root file system as a tar"))
    .argument("<ARCHIVE>", "a file, or the folder of an OCI layout")
    .option("-o, --output <FILE>", "where to write it; standard output unless given")
    .option("--image <NAME:TAG>", "which image, where there are several; the first unless given")
    .action(async (archive: string, options: Options) => {
      const { exportImage, exportPieces } = await import("../../builders/exportImage.js");
      const { finish } = progress(io, options);
      const { output, maxUnpacked } = options;
      const which = { signal: io.signal, reference: options.image, maxUnpacked };
      if (output === undefined) {
        refuseTerminal(io, "tar -t");
        finish(bytes(await printArchive(io, exportPieces(archive, which))));
        return;
      }
      const { size } = await exportImage(archive, { ...which, output });
      finish(`${output}  ${bytes(size)}`);
    });
}
