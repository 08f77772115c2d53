import { type Command, Option } from "commander";
import type { LockDocument } from "../documents/images.js";
import { bytes, counted } from "../../format.js";
import type { Platform } from "../../image/platform.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { OUTPUT, outputAt } from "../outputs.js";
import { reading } from "../progress.js";
import { platformArgument, type TrustFlags, withTrustFlags } from "../registryFlags.js";
import { Report } from "../report.js";

interface Options extends CommonOptions, TrustFlags {
  readonly output: string;
  readonly platform?: readonly Platform[];
}

const examples = `
With --json: {"output","imageName","imageTag","manifests":[{"os","architecture","variant","digest","layers","size"},…],
"warnings":[…]}.

Examples:
  laminix lock debian:12 -o debian.lock.json
  laminix lock registry.example/app:1 -o app.lock.json --platform linux/amd64 --platform linux/arm64`;

export function lock(io: Io): Command {
  const own = command("lock", "lock an image's manifest in a file, from which Nix fetches it layer by layer")
    .argument("<REF>", "[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]")
    .requiredOption("-o, --output <FILE>", OUTPUT)
    .addOption(
      new Option(
        "--platform <OS/ARCH[/VARIANT]>",
        "which platform's image, where there are several (repeatable; default: linux, and this machine's)",
      ).argParser(platformArgument),
    )
    .addHelpText("after", examples);
  return withTrustFlags(own).action(async (reference: string, options: Options) => {
    const { lockTo } = await import("../../builders/lockImage.js");
    const { platformName } = await import("../../image/platform.js");
    const report = new Report(io, options, reading(reference));
    const { platform: platforms, tlsVerify, plainHttp } = options;
    const { environment, signal } = io;
    await using output = await outputAt(options.output, io, { content: "text" });
    const locked = await lockTo(output, reference, { platforms, tlsVerify, plainHttp, environment, signal });
    const { path, manifests, ...where } = locked;
    const facts = {
      output: options.output,
      ...where,
      manifests: manifests.map(({ platform, ...manifest }) => ({ ...platform, ...manifest })),
    };
    const lines = manifests.map(
      ({ platform, digest, layers, size }) =>
        `${platformName(platform)}  ${digest}  ${counted(layers, "layer")}  ${bytes(size)}\n`,
    );
    await report.facts<LockDocument>(facts, { lines, summary: path }, output);
  });
}
