/** Images that commands write to a place of the user's choice. */
import type { BuildOptions } from "../planning/buildOptions.js";
import type { BuiltImage } from "../builders/build/builtImage.js";
import type { Encoding } from "../image/layer.js";
import type { ImageSpec } from "../spec/spec.js";
import { bytes } from "./format.js";
import { archiveCompression, type FormatFlags, misnamedOutput, withFormatKeys } from "./formatFlags.js";
import { type ImageFlags, specFrom } from "./imageFlags.js";
import type { Io } from "./io.js";
import { type CommonOptions, withStore } from "./options.js";
import { imageOutputAt } from "./outputs.js";
import { isSpec, requireFiles } from "./paths.js";
import { PLANNING, progress } from "./progress.js";
import type { UnpackFlag } from "./unpackFlag.js";

export type OutputOptions = CommonOptions & ImageFlags & FormatFlags & UnpackFlag;

/**
 * @param args a spec's file, or paths
 * @param make the builder
 */
export async function writeImage(
  io: Io,
  args: readonly string[],
  options: OutputOptions,
  make: (spec: ImageSpec, options: BuildOptions) => Promise<BuiltImage>,
): Promise<void> {
  const { writeImageFile } = await import("../builders/build/imageFile.js");
  const { format, jobs, maxUnpacked } = options;
  const { signal } = io;
  if (isSpec(args)) requireFiles(args);
  await using output = await imageOutputAt(options, io);
  const { onProgress, finish } = progress(io, options, PLANNING);
  await withStore(options, async (store) => {
    const spec = withFormatKeys(await specFrom(args, options, store, io), options);
    const compression = await archiveCompression(options, spec);
    const misnamed = misnamedOutput(options, compression ?? compressionOf(spec, format));
    if (misnamed !== undefined) onProgress({ type: "warning", message: misnamed });
    await using image = await make(spec, { store, signal, jobs, onProgress, maxUnpacked });
    const { size } = await writeImageFile(image, output, { format, signal, jobs }, compression);
    finish(`${image.reference}  ${output.path}  ${bytes(size)}`);
  });
}

/** Where no flag says it. */
function compressionOf({ compressor }: ImageSpec, format: FormatFlags["format"]): Encoding | undefined {
  return format === "oci-archive" ? "none" : compressor;
}
