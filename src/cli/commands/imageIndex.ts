import { type Command, Option } from "commander";
import type { BuildOptions } from "../../planning/buildOptions.js";
import type { BuiltImage } from "../../builders/build/builtImage.js";
import type { ImageIndexOptions } from "../../builders/buildImageIndex.js";
import type { ImageFormat, ImageOutput } from "../../builders/build/imageFile.js";
import type { PushImageIndexOptions } from "../../builders/push/pushImageIndex.js";
import { LaminixError } from "../../errors.js";
import type { IndexDocument, PushedDocument } from "../documents/images.js";
import { bytes, counted } from "../../format.js";
import { annotationsIn, type LayerFlags, withManifestFlags } from "../formatFlags.js";
import { specFrom } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { isSpec } from "../paths.js";
import { imageOutputAt } from "../outputs.js";
import { reading } from "../progress.js";
import { imagePlace, type TrustFlags, withRegistries, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { withInput } from "../standardInput.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, LayerFlags, TrustFlags, UnpackFlag {
  readonly output?: string;
  readonly push?: string;
  readonly format?: Exclude<ImageFormat, "docker-archive">;
  readonly name?: string;
}

const examples = `
With --json: {"digest","size","platforms":[{"os","architecture","variant"},…],"output","format","warnings":[…]}; with --push
the document that laminix push prints.

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
  const report = new Report(io, options, reading(...args));
  const { onProgress } = report;
  await using target =
    output === undefined ? undefined : await imageOutputAt({ format: "oci-dir", ...options, output }, io);
  const {
    layerCompression,
    layerCompressionLevel,
    layerEncoder,
    jobs,
    annotation = [],
    maxUnpacked,
  } = options;
  const places = args.map((arg) => (isSpec([arg]) ? arg : imagePlace(arg)));
  await withRegistries(
    [...places, ...(push === undefined ? [] : [push])],
    options,
    io,
    async (registries) => {
      const how = { jobs, registries, onProgress, signal: io.signal, maxUnpacked };
      const packing = { layerCompression, layerCompressionLevel, layerEncoder };
      const layers = { ...packing, annotations: annotationsIn(annotation) };
      await withImages(places, how, options, io, async (images) => {
        if (target === undefined) await pushIndex(images, push ?? "", { ...how, ...layers }, report);
        else
          await writeIndex(target, images, { ...how, ...layers, reference: options.name }, options, report);
      });
    },
  );
}

async function writeIndex(
  target: ImageOutput,
  images: readonly (string | BuiltImage)[],
  how: Omit<ImageIndexOptions, "output" | "format">,
  { output = "", format = "oci-dir" }: Options,
  report: Report,
): Promise<void> {
  const { writeImageIndex } = await import("../../builders/buildImageIndex.js");
  const { platformName } = await import("../../image/platform.js");
  const { digest, size, platforms } = await writeImageIndex(target, images, how);
  const summary = `${platforms.map(platformName).join(", ")}  ${target.path}  ${bytes(size)}`;
  await report.facts<IndexDocument>(
    { digest, size, platforms, output, format },
    { lines: [`${digest}\n`], summary },
    target,
  );
}

async function pushIndex(
  images: readonly (string | BuiltImage)[],
  reference: string,
  how: PushImageIndexOptions,
  report: Report,
): Promise<void> {
  const { pushImageIndex } = await import("../../builders/push/pushImageIndex.js");
  const pushed = await pushImageIndex(images, reference, how);
  const { layers, sent } = pushed;
  const summary = `${counted(layers.length, "layer")}, ${bytes(sent)} sent`;
  await report.facts<PushedDocument>(pushed, { lines: [`${pushed.reference}\n`], summary });
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
