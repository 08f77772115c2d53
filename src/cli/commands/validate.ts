import type { Command } from "commander";
import type { Problem } from "../../builders/validate/findings.js";
import { LaminixError } from "../../errors.js";
import type { ValidatedDocument } from "../documents/images.js";
import { counted } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { reading } from "../progress.js";
import {
  type PlatformFlags,
  platformIn,
  type TrustFlags,
  withImagePlace,
  withTrustFlags,
} from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

type Options = CommonOptions & PlatformFlags & TrustFlags & UnpackFlag;

const help = `
Ends with 1, and ERR_NOT_VALID, where there are problems, and prints a line for each.
With --json: {"valid","problems":[{"code","path","message"},…],"warnings":[…]}.

Examples:
  laminix validate image.tar.gz
  laminix validate registry.example/app:1`;

export function validate(io: Io): Command {
  const own = command("validate", "check every digest, size and diffID of an image")
    .argument(
      "<ARCHIVE|REF>",
      "a file, the folder of an OCI layout, or [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]",
    )
    .option("--os <OS>", "only images for it; all platforms are validated unless one is named")
    .option("--arch <ARCH>", "only images for it: amd64, arm64, …")
    .option("--variant <VARIANT>", "only images for it, such as v7");
  own.addHelpText("after", help);
  return withUnpackFlag(withTrustFlags(own)).action(async (argument: string, options: Options) => {
    const { validateImage } = await import("../../builders/validate/validateImage.js");
    const { maxUnpacked } = options;
    const report = new Report(io, options, reading(argument));
    const { onProgress } = report;
    await withImagePlace(io, argument, options, async (place, registries) => {
      const how = { registries, platform: platformIn(options), maxUnpacked, onProgress, signal: io.signal };
      const { valid, problems, blobs, images } = await validateImage(place, how);
      const read = `${counted(blobs, "blob")}, ${counted(images, "image")}`;
      const lines = valid ? [`valid: ${read}\n`] : problems.map(line);
      await report.facts<ValidatedDocument>({ valid, problems }, { lines, summary: read });
      if (valid) return;
      const message = `${argument} is not valid: ${counted(problems.length, "problem")}`;
      throw new LaminixError("ERR_NOT_VALID", message, { details: { problems } });
    });
  });
}

function line({ code, path, message }: Problem): string {
  return `${[code, path, message].filter(Boolean).join("  ").replaceAll("\n", "\\n")}\n`;
}
