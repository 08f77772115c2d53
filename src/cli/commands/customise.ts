import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { CustomisationDocument } from "../documents/images.js";
import { specFrom } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { STANDARD_OUTPUT } from "../outputs.js";
import { PLANNING } from "../progress.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output: string;
}

const example = `
With --json: {"output","diffId","size","warnings":[…]}.

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
      const report = new Report(io, options, PLANNING);
      const { onProgress } = report;
      await withStore(options, async (store) => {
        const spec = await specFrom([file], {}, store, io);
        const { output, maxUnpacked } = options;
        const how = { store, signal: io.signal, onProgress, maxUnpacked };
        const { diffId, size } = await writeCustomisation(spec, output, how);
        await report.facts<CustomisationDocument>({ output, diffId, size }, {});
      });
    });
}
