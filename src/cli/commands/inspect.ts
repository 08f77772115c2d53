import type { Command } from "commander";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";

export function inspect(io: Io): Command {
  return command("inspect", "what is in a docker-archive or an OCI layout")
    .argument("<ARCHIVE>", "a file, or the folder of an OCI layout")
    .action(async (path: string, options: CommonOptions) => {
      const { openImages } = await import("../../transports/open.js");
      const { describeImages } = await import("../../transports/describe.js");
      const { formatJson } = await import("../../image/json.js");
      const { signal } = io;
      using archive = await openImages(path, { signal });
      if (options.json) {
        await io.stdout.write(`${formatJson(await describeImages(archive, { signal }))}\n`);
        return;
      }
      for (const image of archive.images) {
        const layers = await Promise.all(image.layers.map((layer) => layer.descriptor({ signal })));
        const size = layers.reduce((sum, layer) => sum + layer.size, 0);
        const lines = [
          image.references.join(" ") || "(no tag)",
          `  config  ${image.configDigest}`,
          `  runs    ${formatJson(image.configFile.get("config") ?? null)}`,
          `  layers  ${counted(layers.length, "layer")}, ${bytes(size)}`,
          ...layers.map((layer) => `          ${layer.digest}  ${bytes(layer.size).padStart(8)}`),
        ];
        await io.stdout.write(`${lines.join("\n")}\n`);
      }
    });
}
