import { type Command, Option } from "commander";
import type { NixShellImageOptions } from "../../builders/nixShell/nixShellImage.js";
import { LaminixError } from "../../errors.js";
import { WrittenLayers, writeAndReport } from "../imageOutput.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, underHeading, whole, withStore } from "../options.js";
import { compressionAt, outputAt, STANDARD_OUTPUT } from "../outputs.js";
import { isSpec, storePaths } from "../paths.js";
import { PLANNING } from "../progress.js";
import { Report } from "../report.js";

interface Options extends CommonOptions {
  readonly name?: string;
  readonly tag?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
  readonly shell?: string;
  readonly command?: string;
  readonly run?: string;
  readonly binSh?: string;
  readonly usrBinEnv?: string;
  readonly output?: string;
  readonly compress?: string;
}

const examples = `
With --json: the document that laminix build prints; on standard error where there is no --output.

Examples:
  laminix nix-shell /nix/store/…-hello.drv | docker load
  laminix nix-shell ./hello.drv -o shell.tar.gz --run 'buildPhase && installPhase'`;

export function nixShell(io: Io): Command {
  const own = command("nix-shell", "write an image with a shell in which to build a derivation")
    .argument("<DRV|ENV.json>", "a derivation, or the captured environment of a build")
    .option("-o, --output <FILE>", "the file to write (default: -, standard output)")
    .option("--compress <HOW>", "compression of the file: none, gz or zstd (default: by its name)")
    .option("--name <NAME>", "the repository's name (default: the derivation's, with -env)")
    .option("--tag <TAG>", "the tag (default: a hash of what is in the image)")
    .option("--command <BASH>", "commands that an interactive shell runs before it exits")
    .option("--run <BASH>", "commands for a non-interactive shell");
  return underHeading(own, "The shell and its user:", (flags) =>
    flags
      .addOption(new Option("--uid <N>", "the user that the shell runs as (default: 1000)").argParser(whole))
      .addOption(new Option("--gid <N>", "its group (default: 1000)").argParser(whole))
      .option("--home <DIR>", "its home (default: /build)")
      .option("--shell <PATH>", "a bash (default: the derivation's builder if it is one)")
      .option("--bin-sh <PATH>", "the target of /bin/sh (default: the shell)")
      .option("--usr-bin-env <PATH>", "the target of /usr/bin/env: an env, or a package with bin/env"),
  )
    .addHelpText("after", examples)
    .action(async (argument: string, options: Options) => {
      const { output: place = STANDARD_OUTPUT, compress, jobs } = options;
      const { signal } = io;
      if (options.output === undefined && compress !== undefined)
        throw new LaminixError("ERR_USAGE", "--compress needs --output");
      const compression = await compressionAt(place, compress);
      await using output = await outputAt(place, io, { content: "archive", reader: "docker load" });
      const { readCapturedEnvironment, streamNixShellImage } =
        await import("../../builders/nixShell/nixShellImage.js");
      const report = new Report(io, options, PLANNING);
      const written = new WrittenLayers(report.onProgress);
      await withStore(options, async (store) => {
        const derivation = isSpec([argument])
          ? await readCapturedEnvironment(argument)
          : (await storePaths([argument], store, signal)).join();
        const wanted = { ...shellOptions(options), store, signal, jobs, onProgress: written.onProgress };
        await using image = await streamNixShellImage(derivation, wanted);
        const how = { place: options.output, compression, jobs, signal, written };
        await writeAndReport(image, output, how, report);
      });
    });
}

function shellOptions(options: Options): NixShellImageOptions {
  const { name, tag, uid, gid, home, shell, command: interactive, run, binSh, usrBinEnv } = options;
  return { name, tag, uid, gid, homeDirectory: home, shell, command: interactive, run, binSh, usrBinEnv };
}
