import { type Command, Option } from "commander";
import type { LoadedDocument } from "../documents/images.js";
import { bytes, counted } from "../../format.js";
import { previousOf, SPEC_OR_PATHS_OR_ARCHIVE, withImage } from "../imageArgument.js";
import { type ImageFlags, withImageFlags, withLayerFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { reading } from "../progress.js";
import { type PlatformFlags, withPlatformFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, ImageFlags, PlatformFlags, UnpackFlag {
  readonly engine?: "docker" | "podman";
  readonly host?: string;
}

const examples = `
With --json: {"references":[…],"imageIds":[…],"sent","layers","layersSent","warnings":[…]}. With --previous and no
value, "previous" tells which image that was: {"image","digest"}, or null.

Examples:
  laminix load ./result --cmd /bin/hello
  laminix load spec.json --engine podman
  laminix load ./result --previous
  laminix load image.tar.gz`;

export function load(io: Io): Command {
  const own = command("load", "load an image into Docker or podman, sending only missing layers")
    .addOption(
      new Option("--engine <ENGINE>", "which engine (default: docker)").choices(["docker", "podman"]),
    )
    .option(
      "--host <URL>",
      "where the engine listens: unix:///path/to/socket or tcp://host:port (default: from the environment)",
    );
  return withUnpackFlag(
    withPlatformFlags(withLayerFlags(withImageFlags(own), "the image of that name in the engine")),
  )
    .argument("[SPEC|PATH|ARCHIVE...]", SPEC_OR_PATHS_OR_ARCHIVE)
    .addHelpText("after", examples)
    .action(async (args: string[], options: Options) => {
      const { loadImage } = await import("../../builders/load/loadImage.js");
      const { engine, host, maxUnpacked, os, arch: architecture, variant } = options;
      const { environment, signal } = io;
      const report = new Report(io, options, reading(...args));
      const { onProgress } = report;
      const how = { engine, host, environment, signal, onProgress, maxUnpacked, os, architecture, variant };
      const destination = { engine: engine ?? "docker", host, environment };
      const making = { onProgress, maxUnpacked, destination };
      const loaded = await withImage(io, args, options, making, async (image) => ({
        ...(await loadImage(image, how)),
        ...previousOf(image),
      }));
      const { references, imageIds, sent, layers, layersSent } = loaded;
      const summary = `${String(layersSent)} of ${counted(layers, "layer")}  ${bytes(sent)} sent`;
      const names = references.length > 0 ? references : imageIds;
      await report.facts<LoadedDocument>(loaded, { lines: names.map((name) => `${name}\n`), summary });
    });
}
