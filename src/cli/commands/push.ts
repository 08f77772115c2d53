import { type Command, Option } from "commander";
import type { PushPlan } from "../../builders/push/pushImage.js";
import type { PushedLayer } from "../../builders/push/sendPush.js";
import type { PushImageOptions } from "../../builders/push/pushOptions.js";
import type { ImageSpec } from "../../spec/spec.js";
import { LaminixError } from "../../errors.js";
import { MANIFEST_FORMATS, type ManifestFormat } from "../../manifests/mediaTypes.js";
import type { Registries } from "../../transports/registry/registries.js";
import type { PushedDocument, PushPlanDocument } from "../documents/images.js";
import { bytes, counted, namesOf } from "../../format.js";
import { type LayerFlags, withFormatKeys, withManifestFlags } from "../formatFlags.js";
import { previousOf, SPEC_OR_PATHS_OR_ARCHIVE, withImage } from "../imageArgument.js";
import { hintOfPrevious, type ImageFlags, withImageFlags, withLayerFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, repeated, underHeading } from "../options.js";
import { outputAt } from "../outputs.js";
import { reading } from "../progress.js";
import {
  imagesIn,
  type PlatformFlags,
  platformIn,
  type TrustFlags,
  withPlatformFlags,
  withRegistries,
  withTrustFlags,
} from "../registryFlags.js";
import { Report } from "../report.js";
import { type UnpackFlag, withUnpackFlag } from "../unpackFlag.js";

interface Options
  extends CommonOptions, Omit<ImageFlags, "tag">, LayerFlags, TrustFlags, PlatformFlags, UnpackFlag {
  readonly tag?: readonly string[];
  readonly digestFile?: string;
  readonly dryRun?: boolean;
  readonly manifestFormat?: ManifestFormat;
  readonly cacheFrom?: readonly string[];
  readonly registryCache: boolean;
  readonly verify?: boolean;
}

const examples = `
With --json: {"reference","digest","tags":[…],"size","sent","layers":[{"kind","sources","diffId","digest","size","fate","encoder"},…],
"warnings":[…]}; with --dry-run {"layers":[…],"toSend","warnings":[…]}. docs/json.md says what each of them is.
With --previous and no value, "previous" tells which image that was: {"image","digest"}, or null.

Examples:
  laminix push ./result registry.example/app:1 --cmd /bin/hello
  laminix push spec.json registry.example/app:1 --tag latest
  laminix push spec.json registry.example/app:main --previous
  laminix push image.tar.gz registry.example/app:1 --dry-run`;

export function push(io: Io): Command {
  const own = command("push", "push an image to a registry, sending only missing layers")
    .usage("[options] (SPEC | PATH... | ARCHIVE) REF")
    .argument("<IMAGE...>", `${SPEC_OR_PATHS_OR_ARCHIVE}; then REF, [HOST[:PORT]/]REPOSITORY[:TAG]`)
    .addOption(new Option("--tag <TAG>", "a tag, in addition to REF's (repeatable)").argParser(repeated))
    .option("--digest-file <FILE>", "write the digest there; - for standard output")
    .option("--dry-run", "print what would be sent, but send nothing")
    .addHelpText("after", examples);
  const described = withManifestFlags(
    withLayerFlags(withMoreFlags(withImageFlags(own, { tag: false })), "the image that is at REF now"),
  );
  return withUnpackFlag(withTrustFlags(withPlatformFlags(described))).action(
    async (args: string[], options: Options) => {
      const reference = args.at(-1) ?? "";
      if (args.length < 2) {
        throw new LaminixError("ERR_USAGE", "name an image and the REF to push it to", {
          hint: hintOfPrevious(options) ?? "laminix push ./result registry.example/app:1",
        });
      }
      await withRegistries([reference, ...imagesIn(options)], options, io, async (registries) => {
        await pushTo(reference, args.slice(0, -1), registries, options, io);
      });
    },
  );
}

/** How layers that the registry has are reused, and what manifests look like. */
function withMoreFlags(own: Command): Command {
  return underHeading(own, "Layers that the registry has, and manifests:", (flags) =>
    flags
      .addOption(
        new Option(
          "--cache-from <REF>",
          "an image in a registry to reuse layers from (repeatable)",
        ).argParser(repeated),
      )
      .option("--no-registry-cache", "reuse no layers by what existing manifests say")
      .option("--verify", "make even reusable layers, and compare their digests")
      .addOption(
        new Option("--manifest-format <F>", "the format of the manifests (default: oci)").choices([
          ...MANIFEST_FORMATS,
        ]),
      ),
  );
}

async function pushTo(
  reference: string,
  image: readonly string[],
  registries: Registries,
  options: Options,
  io: Io,
): Promise<void> {
  const { pushImage, planPush } = await import("../../builders/push/pushImage.js");
  if (!options.dryRun) loadSending();
  const { once } = await import("../../bytes/bytes.js");
  const { tag: tags, digestFile, dryRun, ...flags } = options;
  const { manifestFormat, layerCompression, layerCompressionLevel, layerEncoder } = options;
  const { cacheFrom, registryCache, verify, jobs } = options;
  const { maxUnpacked } = options;
  const report = new Report(io, options, reading(...image));
  const { onProgress } = report;
  await using digestOutput =
    digestFile === undefined || dryRun ? undefined : await outputAt(digestFile, io, { content: "text" });
  const describe = (spec: ImageSpec): ImageSpec => withFormatKeys(spec, { ...flags, format: "oci-archive" });
  const destination = { reference, tags };
  const making = { onProgress, registries, maxUnpacked, destination, describe };
  await withImage(io, image, flags, making, async (it) => {
    const how: PushImageOptions = {
      ...{ tags, manifestFormat, layerCompression, layerCompressionLevel, layerEncoder },
      ...{ cacheFrom, registryCache, verify },
      ...{ jobs, registries, onProgress, signal: io.signal, maxUnpacked },
      platform: platformIn(options),
    };
    if (dryRun) {
      const plan = await planPush(it, reference, how);
      const people = { lines: planLines(plan), summary: fates(plan.layers, plan.toSend, "to send") };
      await report.facts<PushPlanDocument>({ ...plan, ...previousOf(it) }, people);
      return;
    }
    const pushed = await pushImage(it, reference, how);
    await digestOutput?.write(once(Buffer.from(pushed.digest)));
    const people = { lines: [`${pushed.reference}\n`], summary: fates(pushed.layers, pushed.sent, "sent") };
    await report.facts<PushedDocument>({ ...pushed, ...previousOf(it) }, people, digestOutput);
  });
}

/** Loads what sends while the store is asked: most of a push that sends nothing is loading. */
function loadSending(): void {
  const parts = [
    import("../../builders/push/sendPush.js"),
    import("../../transports/registry/previous.js"),
    import("../../transports/registry/push.js"),
    import("../../http/connections.js"),
  ];
  for (const part of parts) part.catch(() => undefined); // whoever needs it is told
}

/** `2 of 100 layers sent, 1.2 MB; 98 were there` */
function fates(layers: readonly PushedLayer[], sent: number, verb: string): string {
  const sending = layers.filter(({ fate }) => fate === "sent").length;
  const mounted = layers.filter(({ fate }) => fate === "mounted").length;
  const there = layers.length - sending - mounted;
  return [
    `${String(sending)} of ${counted(layers.length, "layer")} ${verb}, ${bytes(sent)}`,
    ...(mounted > 0 ? [`${String(mounted)} mounted`] : []),
    ...(there > 0 ? [`${String(there)} there already`] : []),
  ].join("; ");
}

function planLines({ layers }: PushPlan): string[] {
  const lines = layers.map(
    ({ fate, digest, diffId, size, sources }) =>
      `${fate.padEnd(7)}  ${(digest ?? diffId).slice(0, 19)}  ${bytes(size).padStart(8)}  ${namesOf(sources)}`,
  );
  return lines.map((each) => `${each.trimEnd()}\n`);
}
