import type { Command } from "commander";
import { DigestCache } from "../../image/digestCache.js";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";

interface Options extends CommonOptions {
  readonly clear?: boolean;
}

const help = `
The digests of layers that were made before, so that they need not be made again to be known.
With --json: {"path","entries","compressed","size"}.

Examples:
  laminix cache
  laminix cache --clear`;

export function cache(io: Io): Command {
  return command("cache", "show or clear the cache of layer digests")
    .option("--clear", "clear the cache first")
    .addHelpText("after", help)
    .action(async (options: Options) => {
      const digests = new DigestCache();
      if (options.clear) digests.clear();
      const summary = digests.summary();
      if (options.json) return io.stdout.write(`${JSON.stringify(summary)}\n`);
      const { path, entries, compressed, size } = summary;
      const packed = compressed === 0 ? "" : `, ${counted(compressed, "compressed layer")}`;
      await io.stdout.write(`${path}: ${counted(entries - compressed, "layer")}${packed}, ${bytes(size)}\n`);
    });
}
