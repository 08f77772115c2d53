/** Images that commands write to a place of the user's choice. */
import type { BuildOptions } from "../planning/buildOptions.js";
import type { BuiltImage } from "../builders/build/builtImage.js";
import type { ImageFormat, ImageOutput } from "../builders/build/imageFile.js";
import type { Encoding } from "../image/layer.js";
import type { ImageSpec } from "../spec/spec.js";
import type { StoreSource } from "../store/storeSource.js";
import type { Compressor } from "../compress/compressors.js";
import type { OnProgress } from "../progress.js";
import type { ImageDocument } from "./documents/images.js";
import { bytes } from "../format.js";
import { archiveCompression, type FormatFlags, misnamedOutput, withFormatKeys } from "./formatFlags.js";
import { type ImageFlags, specFrom, withBaseInput } from "./imageFlags.js";
import type { Io } from "./io.js";
import { type CommonOptions, withStore } from "./options.js";
import { imageOutputAt, STANDARD_OUTPUT } from "./outputs.js";
import { isSpec, requireFiles } from "./paths.js";
import { PLANNING } from "./progress.js";
import { Report } from "./report.js";
import type { UnpackFlag } from "./unpackFlag.js";

export type OutputOptions = CommonOptions & ImageFlags & FormatFlags & UnpackFlag;
/** Without a place it is standard output. */
type WriteImageOptions = Omit<OutputOptions, "output"> & Partial<Pick<OutputOptions, "output">>;

/**
 * @param args a spec's file, or paths
 * @param make the builder
 */
export async function writeImage(
  io: Io,
  args: readonly string[],
  { output: place, ...options }: WriteImageOptions,
  make: (spec: ImageSpec, options: BuildOptions) => Promise<BuiltImage>,
): Promise<void> {
  const { format, jobs, maxUnpacked } = options;
  const where = { ...options, output: place ?? STANDARD_OUTPUT };
  const { signal } = io;
  if (isSpec(args)) requireFiles(args);
  await using output = await imageOutputAt(where, io);
  const report = new Report(io, options, PLANNING);
  const { onProgress } = report;
  const writing = async (store: StoreSource, flags: ImageFlags): Promise<void> => {
    const spec = withFormatKeys(await specFrom(args, flags, store, io), options);
    const compression = await archiveCompression(where, spec);
    const misnamed = misnamedOutput(where, compression ?? compressionOf(spec, format));
    if (misnamed !== undefined) onProgress({ type: "warning", message: misnamed });
    const written = new WrittenLayers(onProgress);
    const how = { store, signal, jobs, onProgress: written.onProgress, maxUnpacked };
    await using image = await make(spec, how);
    await writeAndReport(image, output, { place, format, compression, jobs, signal, written }, report);
  };
  await withBaseInput(io, options, { maxUnpacked }, (flags) =>
    withStore(options, (store) => writing(store, flags)),
  );
}

/** The layers of an image, as progress tells of them. */
export class WrittenLayers {
  readonly onProgress: OnProgress;
  readonly layers: ImageDocument["layers"][number][] = [];

  /** @param onProgress is told the same */
  constructor(onProgress: OnProgress) {
    this.onProgress = (event) => {
      if (event.type === "layer") {
        const { index, kind, sources, diffId, size } = event;
        this.layers[index] = { kind, sources, diffId, size };
      }
      onProgress(event);
    };
  }
}

interface WriteOptions {
  /** As `--output` says it. */
  readonly place?: string | undefined;
  readonly format?: ImageFormat | undefined;
  readonly compression: Compressor | undefined;
  readonly jobs: number | undefined;
  readonly signal: AbortSignal;
  /** What the image was built with. */
  readonly written: WrittenLayers;
}

/** Writes an image that is ready to be read, and tells what it is. */
export async function writeAndReport(
  image: BuiltImage,
  output: ImageOutput,
  { place, format = "docker-archive", jobs, signal, written, ...asked }: WriteOptions,
  report: Report,
): Promise<void> {
  const { writeImageFile } = await import("../builders/build/imageFile.js");
  const { imageName: name, imageTag: tag, reference } = image;
  const compression = asked.compression ?? (format === "docker-archive" ? image.compressor : "none");
  const { size, digest } = await writeImageFile(image, output, { format, signal, jobs }, compression);
  const where = place === undefined ? "" : `  ${output.path}`;
  const { layers } = written;
  await report.facts<ImageDocument>(
    {
      ...{ name, tag, reference, output: place ?? STANDARD_OUTPUT, format },
      ...(format !== "oci-dir" && { compression }),
      ...{ size, ...(digest && { digest }), layers },
    },
    { summary: `${reference}${where}  ${bytes(size)}` },
    output,
  );
}

/** Where no flag says it. */
function compressionOf({ compressor }: ImageSpec, format: FormatFlags["format"]): Encoding | undefined {
  return format === "oci-archive" ? "none" : compressor;
}
