/** The flags that say what an image is written as. */
import { type Command, Option } from "commander";
import { IMAGE_FORMATS, type ImageFormat } from "../builders/build/imageFile.js";
import { GZIP_ENCODERS, type GzipEncoder } from "../compress/compressors.js";
import type { ImageSpec } from "../spec/spec.js";
import { LaminixError, named } from "../errors.js";
import { type Encoding, ENCODINGS } from "../image/layer.js";
import { repeated, underHeading, whole } from "./options.js";
import { compressionAt, OUTPUT } from "./outputs.js";

export interface LayerFlags {
  readonly layerCompression?: Encoding;
  readonly layerCompressionLevel?: number;
  readonly layerEncoder?: GzipEncoder;
  readonly annotation?: readonly string[];
}

export interface FormatFlags extends LayerFlags {
  readonly output: string;
  readonly format?: ImageFormat;
  readonly compress?: string;
}

export function withFormatFlags(command: Command): Command {
  return command
    .requiredOption("-o, --output <FILE>", `${OUTPUT}; with --format oci-dir, a folder`)
    .addOption(
      new Option("--format <F>", "what to write (default: docker-archive)").choices([...IMAGE_FORMATS]),
    )
    .option(
      "--compress <HOW>",
      "compression of the archive: none, gz or zstd (default: the spec's, or by the file's name)",
    );
}

/** Those that are about manifests and blobs. */
export function withManifestFlags(command: Command): Command {
  return underHeading(command, "Compression and annotations, in OCI formats:", (own) =>
    own
      .addOption(
        new Option("--layer-compression <HOW>", "compression of each layer (default: gz)").choices([
          ...ENCODINGS,
        ]),
      )
      .addOption(
        new Option(
          "--layer-compression-level <N>",
          "its level: 0 to 12 for gz, by zlib to 9; 1 to 19 for zstd",
        ).argParser(whole),
      )
      .addOption(
        new Option("--layer-encoder <NAME>", "what makes gz (default: libdeflate)").choices([
          ...GZIP_ENCODERS,
        ]),
      )
      .addOption(
        new Option("--annotation <K=V>", "an annotation of the manifest (repeatable)").argParser(repeated),
      ),
  );
}

/**
 * The keys of a spec that the flags stand for. Annotations are added to the spec's.
 * @throws {LaminixError} ERR_USAGE for flags without effect
 */
export function withFormatKeys<S extends ImageSpec>(
  spec: S,
  flags: LayerFlags & Pick<FormatFlags, "format">,
): S {
  const {
    format = "docker-archive",
    layerCompression,
    layerCompressionLevel,
    layerEncoder,
    annotation,
  } = flags;
  if (format === "docker-archive") {
    const given = {
      "layer-compression": layerCompression,
      "layer-compression-level": layerCompressionLevel,
      "layer-encoder": layerEncoder,
      annotation,
    };
    const [useless] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
    if (useless !== undefined) {
      throw new LaminixError("ERR_USAGE", `--${useless} has no effect in a docker-archive`, {
        hint: "name another format: --format oci-archive, or --format oci-dir",
      });
    }
  }
  return {
    ...spec,
    ...(layerCompression !== undefined && { layerCompression }),
    ...(layerCompressionLevel !== undefined && { layerCompressionLevel }),
    ...(layerEncoder !== undefined && { layerEncoder }),
    ...(annotation && { annotations: { ...spec.annotations, ...annotationsIn(annotation) } }),
  };
}

/** @throws {LaminixError} ERR_USAGE */
export function annotationsIn(flags: readonly string[]): Record<string, string> {
  const pairs = flags.map((flag): [string, string] => {
    const at = flag.indexOf("=");
    if (at > 0) return [flag.slice(0, at), flag.slice(at + 1)];
    throw new LaminixError("ERR_USAGE", `--annotation ${flag} is not of the form KEY=VALUE`);
  });
  return Object.fromEntries(pairs);
}

/** What to warn of where the output's name says something else than what is written there. */
export function misnamedOutput(
  { output, format = "docker-archive" }: FormatFlags,
  compression: Encoding | undefined,
): string | undefined {
  const ending = /\.(?:tar\.)?[A-Za-z0-9]{1,6}$/.exec(output)?.[0].toLowerCase();
  if (ending === undefined || output.startsWith("/dev/")) return undefined;
  if (format === "oci-dir")
    return /tar|gz|zst|zip/.test(ending) ? `${named(output)} is a folder, whatever its name says` : undefined;
  if (OTHERS.test(ending))
    return `${named(output)} is ${format}, a tar, and no file of the kind that its name says`;
  const said = /gz$/.test(ending)
    ? "gz"
    : /zst$/.test(ending)
      ? "zstd"
      : /\.tar$/.test(ending)
        ? "none"
        : undefined;
  if (said === undefined || compression === undefined || said === compression) return undefined;
  return `${named(output)} is compressed with ${compression}, and its name says ${said}`;
}

/** Endings of other kinds of files. */
const OTHERS = /^\.(?:zip|7z|rar|iso|img|qcow2|json|sif|squashfs|ext4|xz|bz2|tar\.xz|tar\.bz2)$/;

/**
 * How the archive is compressed; `undefined` where the spec or the format decides.
 * @throws {LaminixError} ERR_USAGE
 */
export async function archiveCompression(flags: FormatFlags, spec: ImageSpec): Promise<Encoding | undefined> {
  const { format = "docker-archive", compress, output } = flags;
  const isKnown = format !== "docker-archive" || spec.compressor !== undefined;
  if (compress === undefined && isKnown) return undefined;
  if (format !== "oci-dir") return compressionAt(output, compress);
  throw new LaminixError("ERR_USAGE", "--compress is for an archive; oci-dir is a folder", {
    hint: "--layer-compression says how its layers are compressed",
  });
}
