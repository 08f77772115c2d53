import { type Command, Option } from "commander";
import type { PulledArchive, PulledImage } from "../../builders/pullImage.js";
import type { PulledDocument } from "../documents/images.js";
import { bytes } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { OUTPUT, outputAt } from "../outputs.js";
import { reading } from "../progress.js";
import { type PlatformFlags, type TrustFlags, withPlatformFlags, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options extends CommonOptions, PlatformFlags, TrustFlags, UnpackFlag {
  readonly output: string;
  readonly finalImageName?: string;
  readonly finalImageTag?: string;
  readonly for: keyof typeof ARCHIVES;
}

/** Whose `pullImage` writes which archive. */
const ARCHIVES = { laminix: "laminix", nixpkgs: "skopeo" } as const satisfies Record<string, PulledArchive>;

const examples = `
With --json: {"imageName","imageDigest","indexDigest","archive","hash","finalImageName","finalImageTag","os","arch",
"variant","warnings":[…]}.

Examples:
  laminix pull docker.io/library/debian:12 -o debian.tar
  laminix pull docker.io/library/debian:12 -o debian.tar --for nixpkgs
  laminix pull registry.example/app:1 -o app.tar.gz --arch arm64`;

export function pull(io: Io): Command {
  const own = command("pull", "pull an image from a registry, and print the hash to pin it by")
    .argument("<REF>", "[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]")
    .requiredOption("-o, --output <FILE>", OUTPUT)
    .addOption(
      new Option(
        "--for <WHOM>",
        "whose pullImage the file and the printed arguments are for; nixpkgs' is by skopeo",
      )
        .choices(Object.keys(ARCHIVES))
        .default("laminix"),
    )
    .option("--final-image-name <NAME>", "the image's name in the archive (default: as in REF)")
    .option("--final-image-tag <TAG>", "the image's tag in the archive (default: REF's, or latest)")
    .addHelpText("after", examples);
  return withUnpackFlag(withTrustFlags(withPlatformFlags(own))).action(
    async (reference: string, options: Options) => {
      const { pullTo } = await import("../../builders/pullImage.js");
      const report = new Report(io, options, reading(reference));
      const { onProgress } = report;
      const { arch, maxUnpacked } = options;
      const { os, variant, finalImageName, finalImageTag, tlsVerify, plainHttp } = options;
      await using output = await outputAt(options.output, io, { content: "archive", reader: "docker load" });
      const pulled = await pullTo(output, reference, {
        ...{ os, variant, finalImageName, finalImageTag, tlsVerify, plainHttp },
        architecture: arch,
        archive: ARCHIVES[options.for],
        environment: io.environment,
        signal: io.signal,
        onProgress,
        maxUnpacked,
      });
      const { path, size, ...facts } = pulled;
      const people = { lines: [plain(pulled)], summary: `${path}  ${bytes(size)}` };
      await report.facts<PulledDocument>(facts, people, output);
    },
  );
}

/** The arguments of `pullImage`; nixpkgs' does not know `archive`. */
function plain({
  imageName,
  imageDigest,
  archive,
  hash,
  finalImageName,
  finalImageTag,
  os,
  arch,
}: PulledImage): string {
  const lines = Object.entries({
    ...{ imageName, imageDigest, hash },
    ...(archive === "laminix" && { archive }),
    ...{ finalImageName, finalImageTag, os, arch },
  });
  return `{\n${lines.map(([key, value]) => `  ${key} = ${nixString(value)};\n`).join("")}}\n`;
}

function nixString(text: string): string {
  return JSON.stringify(text).replaceAll("${", "\\${");
}
