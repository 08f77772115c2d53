import type { Command } from "commander";
import type { MergedDocument } from "../documents/images.js";
import { bytes, counted } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { compressionAt, OUTPUT, outputAt } from "../outputs.js";
import { requireFiles } from "../paths.js";
import { reading } from "../progress.js";
import { Report } from "../report.js";
import { withInput } from "../standardInput.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output: string;
  readonly compress?: string;
}

const example = `
With --json: {"output","compression","size","images":[{"tags","configDigest"},…],"warnings":[…]}.

Example:
  laminix merge one.tar two.tar.gz -o both.tar.gz && docker load <both.tar.gz`;

export function merge(io: Io): Command {
  return withUnpackFlag(command("merge", "put several images into one docker-archive"))
    .argument("<ARCHIVE...>", "files, or folders of OCI layouts")
    .requiredOption("-o, --output <FILE>", OUTPUT)
    .option("--compress <HOW>", "compression: none, gz or zstd (default: by the file's name)")
    .addHelpText("after", example)
    .action(async (paths: string[], options: Options) => {
      const { mergeImages } = await import("../../builders/mergeImages.js");
      const { writeArchive } = await import("../../transports/file.js");
      requireFiles(paths);
      const compression = await compressionAt(options.output, options.compress);
      await using output = await outputAt(options.output, io, { content: "archive", reader: "docker load" });
      const report = new Report(io, options, reading(...paths));
      const { onProgress } = report;
      const { signal } = io;
      const { jobs, maxUnpacked } = options;
      await withInput(io, paths, options, async (files) => {
        await using merged = await mergeImages(files, { signal, onProgress, maxUnpacked });
        const size = await writeArchive(output, merged.pieces(), { compression, signal, jobs });
        const images = merged.images.map(({ references: tags, configDigest }) => ({ tags, configDigest }));
        const summary = `${counted(images.length, "image")}  ${output.path}  ${bytes(size)}`;
        const facts = { output: options.output, compression, size, images };
        await report.facts<MergedDocument>(facts, { summary }, output);
      });
    });
}
