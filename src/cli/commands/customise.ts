import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import { specFrom } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { STANDARD_OUTPUT } from "../outputs.js";
import { PLANNING, progress } from "../progress.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output: string;
}

const example = `
Example:
  laminix customise spec.json -o ./layer`;

export function customise(io: Io): Command {
  const own = command("customise", "write only the layer of an image's root: DIR/layer.tar and DIR/checksum");
  return withUnpackFlag(own)
    .argument("<SPEC>", "a spec in JSON")
    .requiredOption("-o, --output <DIR>", "the folder to create")
    .addHelpText("after", example)
    .action(async (file: string, options: Options) => {
      const { writeCustomisation } = await import("../../builders/nixpkgs/writeCustomisation.js");
      if (options.output === STANDARD_OUTPUT) {
        throw new LaminixError(
          "ERR_USAGE",
          "the output is a folder, and cannot be written to standard output",
          {
            hint: "a folder of that name is ./-",
          },
        );
      }
      const { onProgress } = progress(io, options, PLANNING);
      await withStore(options, async (store) => {
        const spec = await specFrom([file], {}, store, io);
        const { output, maxUnpacked } = options;
        await writeCustomisation(spec, output, { store, signal: io.signal, onProgress, maxUnpacked });
      });
    });
}
