import type { Command } from "commander";
import { DigestCache } from "../../image/digestCache.js";
import type { CacheDocument } from "../documents/others.js";
import { bytes, counted } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";
import { Report } from "../report.js";

interface Options extends CommonOptions {
  readonly clear?: boolean;
}

const help = `
The digests of layers that were made before, so that they need not be made again to be known; and the roots of images
that were unpacked for containers.
With --json: {"path","entries","compressed","size","unpackedRoots":{"entries","size"},"warnings":[…]}.

Examples:
  laminix cache
  laminix cache --clear`;

export function cache(io: Io): Command {
  return command("cache", "show or clear the caches: digests of layers, and roots that containers run over")
    .option("--clear", "clear them first")
    .addHelpText("after", help)
    .action(async (options: Options) => {
      const { removeUnpackedRoots, unpackedRoots } = await import("../../mounts/run/unpackedRoots.js");
      const digests = new DigestCache();
      if (options.clear) {
        digests.clear();
        await removeUnpackedRoots(io.signal);
      }
      const summary = digests.summary();
      const roots = unpackedRoots();
      const { path, entries, compressed, size } = summary;
      const packed = compressed === 0 ? "" : `, ${counted(compressed, "compressed layer")}`;
      const unpacked =
        roots.entries === 0 ? "" : `; ${counted(roots.entries, "unpacked root")}, ${bytes(roots.size)}`;
      const layers = counted(entries - compressed, "layer");
      await new Report(io, options).facts<CacheDocument>(
        { ...summary, unpackedRoots: roots },
        { lines: [`${path}: ${layers}${packed}, ${bytes(size)}${unpacked}\n`] },
      );
    });
}
