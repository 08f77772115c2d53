import { type Command, Option } from "commander";
import type { FileDocument } from "../documents/images.js";
import { bytes } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, whole } from "../options.js";
import { OUTPUT, outputAt } from "../outputs.js";
import { reading } from "../progress.js";
import { type TrustFlags, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";

interface Options extends CommonOptions, TrustFlags {
  readonly output: string;
  readonly size: number;
}

const example = `
With --json: {"output","size","warnings":[…]}.

Example:
  laminix blob registry.example/app@sha256:… --size 29150479 -o blob`;

export function blob(io: Io): Command {
  const own = command("blob", "fetch one blob of a repository: a layer, or a configuration")
    .argument("<REF>", "[HOST[:PORT]/]REPOSITORY@DIGEST")
    .requiredOption("-o, --output <FILE>", OUTPUT)
    .addOption(
      new Option("--size <BYTES>", "how many bytes it has, as the manifest says")
        .argParser(whole)
        .makeOptionMandatory(),
    )
    .addHelpText("after", example);
  return withTrustFlags(own).action(async (reference: string, options: Options) => {
    const { blobPieces } = await import("../../builders/nixpkgs/blob.js");
    const report = new Report(io, options, reading(reference));
    const { onProgress } = report;
    const { environment, signal } = io;
    const { size, tlsVerify, plainHttp } = options;
    await using output = await outputAt(options.output, io, { content: "archive", reader: "tar -xz" });
    const how = { size, tlsVerify, plainHttp, environment, signal, onProgress };
    await output.write(blobPieces(reference, how));
    const facts = { output: options.output, size };
    await report.facts<FileDocument>(facts, { summary: `${output.path}  ${bytes(size)}` }, output);
  });
}
