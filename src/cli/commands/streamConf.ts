import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { ConfImageDocument } from "../documents/images.js";
import type { BytesOrPart } from "../../files/filePart.js";
import { bytes } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { compressionAt, outputAt, STANDARD_OUTPUT } from "../outputs.js";
import { reading } from "../progress.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly repo_tag?: string;
  readonly output?: string;
  readonly compress?: string;
}

const examples = `
With --json: {"output","compression","size","warnings":[…]}; on standard error where there is no --output.

Examples:
  laminix stream-conf conf.json | docker load
  laminix stream-conf conf.json -o image.tar.gz`;

export function streamConf(io: Io): Command {
  const own = command(
    "stream-conf",
    "stream what nixpkgs' streamLayeredImage streams for a conf.json, byte for byte",
  );
  return withUnpackFlag(own)
    .argument("<CONF>", "a conf.json")
    .option("-t, --repo_tag <NAME:TAG>", "the image's name and tag, in place of those in CONF")
    .option("-o, --output <FILE>", "the file to write (default: -, standard output)")
    .option("--compress <HOW>", "compression of the file: none, gz or zstd (default: by its name)")
    .addHelpText("after", examples)
    .action(async (conf: string, options: Options) => {
      const { confParts, confPieces } = await import("../../builders/nixpkgs/confPieces.js");
      const { writeArchive } = await import("../../transports/file.js");
      const { jobs, repo_tag: repoTag, output: place = STANDARD_OUTPUT, compress, maxUnpacked } = options;
      if (options.output === undefined) refuseCompression(compress);
      const compression = await compressionAt(place, compress);
      await using output = await outputAt(place, io, { content: "archive", reader: "docker load" });
      const report = new Report(io, options, reading(conf));
      const { onProgress } = report;
      const { signal } = io;
      await withStore(options, async (store) => {
        const how = { store, signal, jobs, onProgress, repoTag, maxUnpacked };
        const parts = (): AsyncIterable<BytesOrPart> => confParts(conf, how);
        const size = await writeArchive(output, confPieces(conf, how), { compression, jobs, signal, parts });
        const facts = { output: place, compression, size };
        await report.facts<ConfImageDocument>(facts, { summary: bytes(size) }, output);
      });
    });
}

/** @throws {LaminixError} ERR_USAGE: what reads standard output may want it as it is */
function refuseCompression(compress: string | undefined): void {
  if (compress === undefined) return;
  throw new LaminixError("ERR_USAGE", "--compress needs --output", { hint: "or pipe into a compressor" });
}
