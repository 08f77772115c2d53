import { type Command, Option } from "commander";
import type { BuildOptions } from "../../planning/buildOptions.js";
import type { BuiltImage } from "../../builders/build/builtImage.js";
import type { ImageIndexOptions } from "../../builders/buildImageIndex.js";
import type { ImageFormat, ImageOutput } from "../../builders/build/imageFile.js";
import type { PushImageIndexOptions } from "../../builders/push/pushImageIndex.js";
import { LaminixError } from "../../errors.js";
import { bytes, counted } from "../format.js";
import { annotationsIn, type LayerFlags, withManifestFlags } from "../formatFlags.js";
import { specFrom } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { isSpec } from "../paths.js";
import { imageOutputAt, printBeside } from "../outputs.js";
import { progress, reading } from "../progress.js";
import { imagePlace, type TrustFlags, withRegistries, withTrustFlags } from "../registryFlags.js";
import { withInput } from "../standardInput.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, LayerFlags, TrustFlags, UnpackFlag {
  readonly output?: string;
  readonly push?: string;
  readonly format?: Exclude<ImageFormat, "docker-archive">;
  readonly name?: string;
}

const examples = `
Examples:
  laminix index amd64.tar arm64.tar -o ./layout
  laminix index amd64.json arm64.json --push registry.example/app:1`;

export function index(io: Io): Command {
  const own = command(
    "index",
    "put images for several platforms under one name, in an OCI layout or in a registry",
  )
    .argument(
      "<IMAGE...>",
      "archives, folders of OCI layouts, names of images in registries, or specs in JSON",
    )
    .option(
      "-o, --output <DIR>",
      "the folder to write; with --format oci-archive, a file, or - for standard output",
    )
    .option("--push <REF>", "the registry to push it to: [HOST[:PORT]/]REPOSITORY[:TAG]")
    .addOption(
      new Option("--format <F>", "what to write (default: oci-dir)").choices(["oci-dir", "oci-archive"]),
    )
    .option("--name <NAME:TAG>", "the name (default: the images' own, if they have only one)");
  own.addHelpText("after", examples);
  return withUnpackFlag(withTrustFlags(withManifestFlags(own))).action((args: string[], options: Options) =>
    withInput(io, args, options, (images) => make(io, images, options)),
  );
}

async function make(io: Io, args: readonly string[], options: Options): Promise<void> {
  const { output, push } = options;
  if ((output === undefined) === (push === undefined)) {
    throw new LaminixError("ERR_USAGE", "an index is written with --output, or pushed with --push");
  }
  const { onProgress, finish } = progress(io, options, reading(...args));
  await using target =
    output === undefined ? undefined : await imageOutputAt({ format: "oci-dir", ...options, output }, io);
  const { layerCompression, layerCompressionLevel, jobs, annotation = [], maxUnpacked } = options;
  const places = args.map((arg) => (isSpec([arg]) ? arg : imagePlace(arg)));
  await withRegistries(
    [...places, ...(push === undefined ? [] : [push])],
    options,
    io,
    async (registries) => {
      const how = { jobs, registries, onProgress, signal: io.signal, maxUnpacked };
      const layers = { layerCompression, layerCompressionLevel, annotations: annotationsIn(annotation) };
      await withImages(places, how, options, io, async (images) => {
        const made =
          target === undefined
            ? await pushed(images, push ?? "", { ...how, ...layers })
            : await written(target, images, { ...how, ...layers, reference: options.name });
        finish(made.summary);
        await printBeside(target, io, options.json ? `${JSON.stringify(made.facts)}\n` : `${made.line}\n`);
      });
    },
  );
}

interface Made {
  readonly summary: string;
  readonly facts: unknown;
  readonly line: string;
}

async function written(
  output: ImageOutput,
  images: readonly (string | BuiltImage)[],
  how: Omit<ImageIndexOptions, "output" | "format">,
): Promise<Made> {
  const { writeImageIndex } = await import("../../builders/buildImageIndex.js");
  const { platformName } = await import("../../image/platform.js");
  const { digest, size, platforms } = await writeImageIndex(output, images, how);
  const summary = `${platforms.map(platformName).join(", ")}  ${output.path}  ${bytes(size)}`;
  return { summary, facts: { digest, size, platforms }, line: digest };
}

async function pushed(
  images: readonly (string | BuiltImage)[],
  reference: string,
  how: PushImageIndexOptions,
): Promise<Made> {
  const { pushImageIndex } = await import("../../builders/push/pushImageIndex.js");
  const facts = await pushImageIndex(images, reference, how);
  const { layers, sent } = facts;
  const summary = `${counted(layers.length, "layer")}, ${bytes(sent)} sent`;
  return { summary, facts, line: facts.reference };
}

/** Builds what is a spec, and holds it for as long as `use` runs. */
async function withImages(
  places: readonly string[],
  how: BuildOptions,
  options: Options,
  io: Io,
  use: (images: readonly (string | BuiltImage)[]) => Promise<void>,
): Promise<void> {
  const specs = places.filter((place) => isSpec([place]));
  if (specs.length === 0) {
    await use(places);
    return;
  }
  const { streamLayeredImage } = await import("../../builders/build/streamLayeredImage.js");
  await withStore(options, async (store) => {
    const images = new Map<string, BuiltImage>();
    try {
      for (const file of specs) {
        const spec = await specFrom([file], {}, store, io);
        images.set(file, await streamLayeredImage(spec, { ...how, store }));
      }
      await use(places.map((place) => images.get(place) ?? place));
    } finally {
      for (const image of images.values()) await image.close();
    }
  });
}
