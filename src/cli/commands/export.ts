import type { Command } from "commander";
import { bytes } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";

interface Options extends CommonOptions {
  readonly output?: string;
  readonly image?: string;
}

export function exportCommand(io: Io): Command {
  return command("export", "an image's root file system as a tar")
    .argument("<ARCHIVE>", "a file, or the folder of an OCI layout")
    .option("-o, --output <FILE>", "where to write it; standard output unless given")
    .option("--image <NAME:TAG>", "which image, where there are several; the first unless given")
    .action(async (archive: string, options: Options) => {
      const { exportPieces } = await import("../../builders/exportImage.js");
      const { finish } = progress(io, options);
      const pieces = exportPieces(archive, { signal: io.signal, reference: options.image });
      let size = 0;
      if (options.output === undefined) {
        refuseTerminal(io, "tar -t");
        for await (const piece of pieces) {
          await io.stdout.write(piece);
          size += piece.length;
        }
        finish(bytes(size));
        return;
      }
      const { writeFileWhole } = await import("../../transports/file.js");
      size = await writeFileWhole(options.output, pieces, { compression: "none", signal: io.signal });
      finish(`${options.output}  ${bytes(size)}`);
    });
}
