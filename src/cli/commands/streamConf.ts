import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import { printArchive } from "../archiveOutput.js";
import { bytes } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, UnpackFlag {
  readonly repo_tag?: string;
  readonly output?: string;
  readonly compress?: string;
}

export function streamConf(io: Io): Command {
  const own = command(
    "stream-conf",
    "what nixpkgs' streamLayeredImage streams for its conf.json, byte for byte",
  );
  return withUnpackFlag(own)
    .argument("<CONF>", "a conf.json")
    .option("-t, --repo_tag <NAME:TAG>", "what the image is called, in place of the name in CONF")
    .option("-o, --output <FILE>", "where to write it; standard output unless given")
    .option("--compress <HOW>", "none, gz or zstd, for a file; unless given, what its name ends in")
    .action(async (conf: string, options: Options) => {
      const { streamConf: pieces } = await import("../../builders/streamConf.js");
      const { jobs, repo_tag: repoTag, output, maxUnpacked } = options;
      if (output === undefined) refuseCompression(options.compress);
      if (output === undefined) refuseTerminal(io, "docker load");
      const { onProgress, finish } = progress(io, options);
      const { signal } = io;
      await withStore(options, async (store) => {
        const image = pieces(conf, { store, signal, jobs, onProgress, repoTag, maxUnpacked });
        const written = output === undefined ? printArchive(io, image) : toFile(image, output, options, io);
        finish(bytes(await written));
      });
    });
}

async function toFile(
  image: AsyncIterable<Uint8Array>,
  file: string,
  { compress, jobs }: Options,
  { signal }: Io,
): Promise<number> {
  const { compressionFor, writeFileWhole } = await import("../../transports/file.js");
  return writeFileWhole(file, image, { compression: compressionFor(file, compress), jobs, signal });
}

/** @throws {LaminixError} ERR_USAGE: what reads standard output may want it as it is */
function refuseCompression(compress: string | undefined): void {
  if (compress === undefined) return;
  throw new LaminixError("ERR_USAGE", "--compress is for a file: give --output, or pipe into a compressor");
}
