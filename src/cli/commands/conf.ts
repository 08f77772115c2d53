import type { Command } from "commander";
import type { FileDocument } from "../documents/images.js";
import { bytes } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { OUTPUT, outputAt } from "../outputs.js";
import { reading } from "../progress.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output: string;
}

const example = `
With --json: {"output","size","warnings":[…]}.

Example:
  laminix conf .attrs.json -o conf.json`;

export function conf(io: Io): Command {
  return withUnpackFlag(command("conf", "write an image's conf.json from a derivation's attributes"))
    .argument("<ATTRS>", "the derivation's structured attributes, the file that Nix gives its builder")
    .requiredOption("-o, --output <FILE>", OUTPUT)
    .addHelpText("after", example)
    .action(async (attributes: string, options: Options) => {
      const { layeredConf } = await import("../../builders/nixpkgs/conf.js");
      const { once } = await import("../../bytes/bytes.js");
      const report = new Report(io, options, reading(attributes));
      await using output = await outputAt(options.output, io, { content: "text" });
      const { signal } = io;
      const { onProgress } = report;
      const { maxUnpacked } = options;
      const text = Buffer.from(await layeredConf(attributes, { signal, onProgress, maxUnpacked }));
      const size = await output.write(once(text));
      const facts = { output: options.output, size };
      await report.facts<FileDocument>(facts, { summary: bytes(size) }, output);
    });
}
