import type { Command } from "commander";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { compressionAt, OUTPUT, outputAt } from "../outputs.js";
import { requireFiles } from "../paths.js";
import { progress, reading } from "../progress.js";
import { withInput } from "../standardInput.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly output: string;
  readonly compress?: string;
}

const example = `
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
      const { onProgress, finish } = progress(io, options, reading(...paths));
      const { signal } = io;
      const { jobs, maxUnpacked } = options;
      await withInput(io, paths, options, async (files) => {
        await using merged = await mergeImages(files, { signal, onProgress, maxUnpacked });
        const size = await writeArchive(output, merged.pieces(), { compression, signal, jobs });
        finish(`${counted(merged.images.length, "image")}  ${output.path}  ${bytes(size)}`);
      });
    });
}
